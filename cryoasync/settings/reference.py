"""The page ``docs/settings.md``: ``python -m cryoasync.settings.reference > docs/settings.md``."""

import sys
from collections.abc import Iterator

from cryoasync.settings import keys

_HEAD = """# Settings

<!-- Written by `python -m cryoasync.settings.reference` from the texts in cryoasync/settings/. -->

A setting is taken from the first of these that has it:

1. the command line (`--workers 4`);
2. the environment: `CRYOASYNC_` and the key in capitals, with `__` for each dot (`CRYOASYNC_RUN__WORKERS=4`);
   for the database also `DATABASE_URL`, and libpq's own variables (`PGHOST`, `PGSERVICE` …) and `.pgpass`;
3. a TOML file: the one `--config` names, else `cryoasync.toml` in the current directory, else
   `cryoasync/config.toml` in the user's configuration directory;
4. the default.

```toml
[run]
workers = 4
chunk_size = "5-100"

[pubchem.policy]
requests_per_second = 3
```

An unknown key is an error, and an environment variable set to nothing counts as not set.
`cryoasync config show` prints every setting with its value and where that came from.

| key | flag | takes | default | what it does |
|---|---|---|---|---|
"""


def reference() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    for key, field in keys.FIELDS.items():
        cells = (f"`{key}`", _options(key), keys.allowed(key), keys.default(key), field.description)
        yield f"| {' | '.join(str(cell) for cell in cells)} |"


def _options(key: str) -> str:
    if key not in keys.with_option():
        return ""
    option = keys.option(key)
    return ", ".join(f"`{name}`" for name in (option.name, option.negation) if name)


if __name__ == "__main__":
    sys.stdout.write(reference())
