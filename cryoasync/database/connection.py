"""Connections to PostgreSQL: a pool with JSON and UTC, whose errors say what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from cryoasync.database.error_translation import describe_dsn, is_ambiguous, translated_errors
from cryoasync.errors import DatabaseRefusedError, UsageError

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

OLDEST_MAJOR_VERSION = 14
"""The first version of PostgreSQL that has multiranges, which the checkpoint is made of."""

_JSONB_VERSION = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where the database is and how it is spoken to.

    Attributes:
        dsn: a PostgreSQL URL; None leaves everything to the PG* environment variables and ``.pgpass``.
        transaction_pooler: the DSN leads to PgBouncer, Supavisor or the like in transaction mode, where
            prepared statements and session locks do not hold.
        command_timeout_seconds: the longest that one statement may take before the connection is given up.
    """

    dsn: str | None
    min_size: int = 2
    max_size: int = 10
    transaction_pooler: bool = False
    connect_timeout_seconds: float = 10.0
    command_timeout_seconds: float = 120.0


class Database:
    """A pool of connections; whatever goes wrong inside its contexts is raised as an error of ours."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", described: str, *, transaction_pooler: bool = False
    ) -> None:
        """Take an open pool; ``described`` names the database in messages, without secrets."""
        self.pool = pool
        self.described = described
        self.transaction_pooler = transaction_pooler

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """Take a connection outside of any transaction, for session locks and the like.

        Raises:
            DatabaseError: of the class that says what can be done; also for errors raised inside.
        """
        with translated_errors(self.described):
            async with self.pool.acquire() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Take a connection with a transaction that commits where the block ends well.

        Reading goes through here too: behind a transaction pooler a statement outside of a transaction may
        be prepared on one server connection and executed on another.

        Raises:
            DatabaseError: as for ``session``; nothing is written then, or, where the connection was lost
                during the commit, nobody knows.
        """
        async with self.session() as connection, connection.transaction():
            yield connection


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Open a pool, having seen that the server answers and is new enough.

    Raises:
        UsageError: the DSN cannot be read.
        DatabaseRefusedError: wrong user, password, database or permission, or a PostgreSQL before 14.
        DatabaseUnavailableError: nobody answers.
    """
    _require_clear(settings.dsn)
    described = describe_dsn(settings.dsn)
    with translated_errors(described):
        pool = await _create_pool(settings)
        try:
            database = Database(pool, described, transaction_pooler=settings.transaction_pooler)
            await _require_version(database)
            yield database
            await pool.close()
        finally:
            pool.terminate()


async def _create_pool(settings: DatabaseSettings) -> "asyncpg.Pool[asyncpg.Record]":
    pooler_options: dict[str, Any] = {}
    if settings.transaction_pooler:
        pooler_options = {"statement_cache_size": 0, "reset": _leave_as_it_is}
    try:
        return await asyncpg.create_pool(
            settings.dsn,
            min_size=settings.min_size,
            max_size=settings.max_size,
            timeout=settings.connect_timeout_seconds,
            command_timeout=settings.command_timeout_seconds,
            server_settings={"application_name": "cryoasync", "timezone": "UTC"},
            init=set_json_codecs,
            **pooler_options,
        )
    except ValueError:
        # The chain is cut because the foreign message repeats parts of the DSN, the password among them.
        raise _unreadable() from None


def _require_clear(dsn: str | None) -> None:
    """Refuse a DSN whose password would be taken for a host, and be asked for from the name service."""
    try:
        clear = dsn is None or not is_ambiguous(dsn)
    except ValueError:
        clear = False
    if not clear:
        raise _unreadable() from None


def _unreadable() -> UsageError:
    return UsageError(
        "The DSN cannot be read.",
        hint="It has the form postgresql://user:password@host:5432/database; write special characters"
        " of the password in percent encoding.",
    )


async def set_json_codecs(connection: Connection) -> None:
    """Read and write json and jsonb as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: _JSONB_VERSION + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        encoder=msgspec.json.encode,
        decoder=msgspec.json.decode,
        format="binary",
    )


async def _leave_as_it_is(connection: Connection) -> None:
    """Reset nothing: behind a transaction pooler there is no session to reset."""


async def _require_version(database: Database) -> None:
    async with database.session() as connection:
        version = connection.get_server_version()
    if version.major < OLDEST_MAJOR_VERSION:
        raise DatabaseRefusedError(
            f"{database.described} is PostgreSQL {version.major}; version {OLDEST_MAJOR_VERSION} or later is"
            " needed.",
            hint="Give the --dsn of a newer server, or none for the embedded one.",
        )
