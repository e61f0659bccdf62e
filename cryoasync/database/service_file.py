"""Connections that have a name in libpq's service file."""

import configparser
import os
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from cryoasync.errors import UsageError

_DEFAULT_FILE = ".pg_service.conf"


def with_service(dsn: str | None) -> str | None:
    """Return ``dsn``, or one that names the service of ``PGSERVICE`` where all is left to the environment.

    asyncpg looks at that variable too late to use it, and passes over a service that is not defined: either way
    it would go to whichever server is the default, instead of the one that is meant.

    Raises:
        UsageError: the service that is named is not defined, or not in a way that can be read.
    """
    if dsn is None and (name := os.environ.get("PGSERVICE")):
        dsn = f"postgresql://?service={quote(name, safe='')}"
    if dsn is None:
        return None
    parts = urlsplit(dsn)
    if names := parse_qs(parts.query).get("service"):
        _require(names[-1])
        if parts.path == "/":
            # To asyncpg that is a database without a name, and outranks the service's.
            return dsn.replace("/?", "?", 1)
    return dsn


def _require(name: str) -> None:
    path = Path(os.environ.get("PGSERVICEFILE") or Path.home() / _DEFAULT_FILE)
    services = configparser.ConfigParser()
    try:
        services.read(path)
        if services.has_section(name):
            # A value is interpolated, and may fail to be, when it is read.
            dict(services[name])
            return
    except (configparser.Error, UnicodeDecodeError):
        # The chain is cut because the foreign message repeats values, the password among them.
        raise UsageError(
            f"The service {name!r} in {path} cannot be read.",
            hint="A line there is [NAME], or KEY=VALUE with each % of the value written twice.",
        ) from None
    raise UsageError(
        f"There is no service {name!r} in {path}.",
        hint="PGSERVICE, or service in the DSN, names a section of that file; PGSERVICEFILE names another file.",
    )
