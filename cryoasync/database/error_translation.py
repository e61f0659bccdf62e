"""From what asyncpg and the operating system raise to what a user can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from cryoasync.errors import (
    DatabaseDiskFullError,
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
)

FOREIGN_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that a statement can raise; ``TimeoutError`` is an ``OSError``."""

# The longest prefix of the SQLSTATE decides. Codes: PostgreSQL's documentation, appendix A.
_ERROR_BY_SQLSTATE: dict[str, type[DatabaseError]] = {
    "08": DatabaseUnavailableError,  # connection exceptions
    "25006": DatabaseUnavailableError,  # read-only: a standby that is about to be promoted
    "28": DatabaseRefusedError,  # invalid authorization
    "3D000": DatabaseRefusedError,  # no such database
    "40": DatabaseUnavailableError,  # deadlock, serialization
    "42501": DatabaseRefusedError,  # insufficient privilege
    "53": DatabaseUnavailableError,  # out of memory, too many connections
    "53100": DatabaseDiskFullError,
    "55P03": DatabaseUnavailableError,  # lock timeout
    "57": DatabaseUnavailableError,  # shutdown, start-up, statement timeout
    "58030": DatabaseUnavailableError,  # input or output error of the server's disk
}
_LONGEST_PREFIX = 5

_HINTS: dict[type[DatabaseError], str] = {
    DatabaseRefusedError: (
        "Check user, password, database name and permissions; `cryoasync db grants` prints those that imports need."
    ),
    DatabaseDiskFullError: "Free disk space on the database server.",
    DatabaseUnavailableError: "Check that the server runs and takes connections from here.",
}


def is_ambiguous(dsn: str) -> bool:
    """Tell whether it is unclear where the password of a DSN ends, and where its host begins.

    An "@" past the host, or a fragment, comes of a password that should have been percent-encoded.

    Raises:
        ValueError: it is no URL.
    """
    parts = urlsplit(dsn)
    return "@" in parts.path + parts.query or bool(parts.fragment)


def describe_dsn(dsn: str | None) -> str:
    """Name user, host, port and database of a DSN for a message, never the password.

    Of a DSN that is not clear nothing is repeated, for its password may stand anywhere in it.
    """
    if dsn is None:
        return "the database that the PG* environment variables name"
    unclear = "the database of the DSN given"
    try:
        parts = urlsplit(dsn)
        if parts.scheme not in {"postgresql", "postgres"} or is_ambiguous(dsn):
            return unclear
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if "service" in query:
            return f"the database of the service {query['service']}"
        hosts = parts.netloc.rpartition("@")[2]
        if "," in hosts:
            where = hosts
        else:
            host = query.get("host") or parts.hostname or "localhost"
            where = f"{host}:{query.get('port') or parts.port or 5432}"
        user = query.get("user") or unquote(parts.username or "")
        name = query.get("database") or query.get("dbname") or unquote(parts.path.lstrip("/")) or user
    except ValueError:
        return unclear
    where = f"{where}/{name}"
    return f"the database {user}@{where}" if user else f"the database {where}"


_LOST = ("connection is closed", "another operation is in progress")


def is_conflict(error: DatabaseError) -> bool:
    """Tell whether an error of ours came of locks: a deadlock, a serialization failure, a wait that took too long."""
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    return sqlstate.startswith(("40", "55P03", "57014"))


def translate(error: Exception, described: str) -> DatabaseError:
    """Return the error of ours for a foreign one; ``described`` names the database without secrets."""
    error_class = _error_class(error)
    silent = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    said = f"{error}".strip() or silent
    verb = {
        DatabaseRefusedError: "refuses",
        DatabaseDiskFullError: "has no disk space left",
        DatabaseUnavailableError: "is out of reach",
    }.get(error_class, "fails")
    return error_class(f"{described[0].upper()}{described[1:]} {verb}: {said}", hint=_HINTS.get(error_class))


@contextmanager
def translated_errors(described: str) -> Iterator[None]:
    """Turn what asyncpg and the operating system raise inside into errors of ours."""
    try:
        yield
    except FOREIGN_ERRORS as error:
        raise translate(error, described) from error


def _error_class(error: BaseException) -> type[DatabaseError]:
    if isinstance(error, asyncpg.PostgresError):
        sqlstate = error.sqlstate or ""
        prefixes = (sqlstate[:length] for length in range(_LONGEST_PREFIX, 0, -1))
        return next((_ERROR_BY_SQLSTATE[p] for p in prefixes if p in _ERROR_BY_SQLSTATE), DatabaseError)
    if isinstance(error, OSError):
        return DatabaseUnavailableError
    # asyncpg tells a lost connection from a misuse of its interface by the text alone. One that is lost in the
    # middle of a COPY is left "in progress"; we never use one connection for two things at a time.
    if isinstance(error, asyncpg.InternalClientError):
        return DatabaseUnavailableError
    if isinstance(error, asyncpg.InterfaceError) and any(sign in f"{error}" for sign in _LOST):
        return DatabaseUnavailableError
    return DatabaseError
