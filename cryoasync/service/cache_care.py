"""The response cache, as a user looks after it by hand: unlike a run, whoever does so is told of each problem."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from cryoasync.errors import UsageError
from cryoasync.http.cache import ResponseCache
from cryoasync.http.cache_file import looks_like_a_cache
from cryoasync.http.cache_models import CacheProblem
from cryoasync.settings import LoadedSettings

_PORTS = {"http": 80, "https": 443}


def cache_file(loaded: LoadedSettings) -> Path:
    """Return where the cache of the settings is, or will be.

    Raises:
        UsageError: the cache is off.
    """
    path = loaded.settings.response_cache
    if path is None:
        raise UsageError(
            f"The cache is off ({loaded.origins['run.cache']}).", hint="Name its file with --cache PATH."
        )
    return path


@asynccontextmanager
async def kept_cache(
    loaded: LoadedSettings, note: Callable[[str], None]
) -> AsyncIterator[ResponseCache | None]:
    """Open the cache of the settings; ``None`` where there is none, for none is made to be looked at.

    ``note`` is told where a damaged file was moved to, in whose place an empty one stands then.

    Raises:
        UsageError: the cache is off, or its file cannot be read or written; also from any use of the cache.
    """
    path = cache_file(loaded)

    def tell(problem: CacheProblem) -> None:
        if problem.moved_to is None:
            raise unusable(path, problem.reason)
        note(moved_aside(problem))

    if not _is_there(path):
        yield None
        return
    async with cache_to_fill(loaded, tell) as cache:
        yield cache


@asynccontextmanager
async def cache_to_fill(
    loaded: LoadedSettings, tell: Callable[[CacheProblem], None]
) -> AsyncIterator[ResponseCache]:
    """Open the cache of the settings, made where there is none; ``tell`` is told of each problem once.

    Raises:
        UsageError: the cache is off, or its file is something else; also what ``tell`` raises.
    """
    path = cache_file(loaded)
    _is_there(path)
    max_bytes = loaded.settings.run.cache_max_bytes
    async with ResponseCache.open(path, max_bytes=max_bytes, warn=tell) as cache:
        yield cache


def unusable(path: Path, reason: str) -> UsageError:
    """Return the error that the cache at ``path`` cannot be used."""
    return UsageError(
        f"The cache {path} cannot be used: {reason}.",
        hint="Check the file and who else uses it, or name another with --cache PATH.",
    )


def moved_aside(problem: CacheProblem) -> str:
    """Say where the file that could not be used is now."""
    return (
        f"The cache {problem.path} could not be read ({problem.reason}). It is {problem.moved_to} now, and an"
        " empty one is in its place."
    )


def _is_there(path: Path) -> bool:
    """Say whether there is a cache.

    Raises:
        UsageError: what is there is something else, which must not be moved aside.
    """
    try:
        if looks_like_a_cache(path):
            return True
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from error
    raise unusable(path, "it is no cache, or damaged beyond recognition, and was left as it is")


def origins_meant(given: str, origins: Iterable[str]) -> list[str]:
    """Return those of a cache's ``origins`` that a user calls ``given``: as it is listed, a URL, or a host.

    Raises:
        UsageError: there is none.
    """
    known = sorted(set(origins))
    parts = urlsplit(given)
    name = f"{parts.scheme}://{parts.netloc}" if parts.netloc else given
    meant = [origin for origin in known if name.lower() in _names(origin)]
    if not meant:
        raise UsageError(
            f"The cache holds nothing of {given}.",
            hint=f"It holds answers of {', '.join(known)}." if known else "It is empty.",
        )
    return meant


def _names(origin: str) -> set[str]:
    """Return all that an origin is called: with and without scheme, and port where it is the usual one."""
    parts = urlsplit(origin)
    names = {origin, parts.netloc, parts.hostname or origin}
    if parts.netloc.endswith(f":{_PORTS.get(parts.scheme)}"):
        names.add(f"{parts.scheme}://{parts.hostname}")
    return names
