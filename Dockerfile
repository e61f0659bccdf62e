# syntax=docker/dockerfile:1
# docker build -t cryoasync .

FROM python:3.12-slim AS build
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /source
COPY requirements.lock pyproject.toml ./
# The lock constrains: what only development needs is in it too, and stays out of the image.
RUN pip install --no-cache-dir --constraint requirements.lock uv hatchling \
    && python -m venv --without-pip /opt/cryoasync \
    && uv pip install --python /opt/cryoasync --constraint requirements.lock \
        --all-extras --requirement pyproject.toml
COPY README.md LICENSE ./
COPY cryoasync cryoasync
RUN python -m hatchling build --target wheel --directory /wheel \
    && uv pip install --python /opt/cryoasync --no-deps /wheel/*.whl

FROM python:3.12-slim
# A fixed number, so that the files on a volume belong to the same user whatever the image.
RUN useradd --uid 10001 --user-group --home-dir /data --create-home --shell /usr/sbin/nologin cryoasync
COPY --from=build /opt/cryoasync /opt/cryoasync
# Settings, caches, the rate budget and the embedded server all have their place below HOME.
ENV HOME=/data PATH=/opt/cryoasync/bin:$PATH
USER 10001:10001
WORKDIR /data
VOLUME /data
# No shell in between: SIGTERM reaches the run, which saves what it has in hand.
ENTRYPOINT ["cryoasync"]
CMD ["--help"]
