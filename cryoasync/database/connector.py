"""Opens single connections to PostgreSQL, in the way that what stands in between allows."""

import asyncio
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import msgspec

from cryoasync.database.error_translation import is_ambiguous
from cryoasync.database.json_values import encoded_json
from cryoasync.database.pool.member import PooledConnection, PoolLimits
from cryoasync.database.pooler import (
    SUPABASE_TRANSACTION_PORT,
    Pooler,
    ServerFacts,
    detect_pooler,
    server_facts,
)
from cryoasync.database.service_file import with_service
from cryoasync.errors import DatabaseRefusedError, UsageError

_JSONB_VERSION = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where the database is and how it is spoken to.

    Attributes:
        dsn: a PostgreSQL URL; None leaves everything to the PG* environment variables and ``.pgpass``.
        pooler: what stands in between; ``None`` finds out.
        command_timeout_seconds: the longest that one statement may take before the connection is given up.
    """

    dsn: str | None
    pool: PoolLimits = field(default_factory=PoolLimits)
    pooler: Pooler | None = None
    connect_timeout_seconds: float = 10.0
    command_timeout_seconds: float = 120.0


class Connector:
    """Opens connections that speak JSON and UTC, once it was found out what stands in between."""

    def __init__(self, settings: DatabaseSettings) -> None:
        """Know nothing of the server yet.

        Raises:
            UsageError: the DSN cannot be read, or names a file or a service that is not there.
        """
        _require_clear(settings.dsn)
        _require_root_certificate(settings.dsn)
        self._dsn = with_service(settings.dsn)
        self._pooler = settings.pooler
        self._settings = settings
        self._first: PooledConnection | None = None

    async def find_out(self) -> tuple[ServerFacts, Pooler]:
        """Return what the server says of itself, and what stands in between.

        Raises:
            UsageError: the DSN cannot be read.
            DatabaseRefusedError: the server's certificate is not trusted.
            Exception: what asyncpg and the operating system raise.
        """
        if self._pooler is None and _port(self._settings.dsn) == SUPABASE_TRANSACTION_PORT:
            self._pooler = Pooler.TRANSACTION
        connection = await self._open()
        try:
            facts = await server_facts(connection)
            self._pooler = self._pooler or await detect_pooler(connection, facts, self._open)
        except BaseException:
            connection.terminate()
            raise
        if self._pooler is Pooler.TRANSACTION:
            # It may still be one that keeps prepared statements.
            connection.terminate()
        else:
            self._first = connection
        return facts, self._pooler

    async def connect(self) -> PooledConnection:
        """Open a connection that is ready for use; raises as ``find_out``."""
        connection, self._first = self._first, None
        if connection is None:
            connection = await self._open()
        try:
            async with asyncio.timeout(self._settings.connect_timeout_seconds):
                await self._prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def close(self) -> None:
        """Drop the connection that ``find_out`` opened, where nobody wanted it."""
        if self._first is not None:
            self._first.terminate()

    async def _open(self) -> PooledConnection:
        settings = self._settings
        options: dict[str, Any] = {}
        if self._pooler is Pooler.TRANSACTION:
            options["statement_cache_size"] = 0
        try:
            return await asyncpg.connect(
                self._dsn,
                timeout=settings.connect_timeout_seconds,
                command_timeout=settings.command_timeout_seconds,
                server_settings={"application_name": "cryoasync", "timezone": "UTC"},
                **options,
            )
        except ssl.SSLCertVerificationError as error:
            raise DatabaseRefusedError(
                f"The certificate of the database server is not trusted: {error.verify_message}",
                hint="Give the CA's certificate in the DSN, as ?sslmode=verify-full&sslrootcert=/path/ca.crt.",
            ) from error
        except ValueError:
            # The chain is cut because the foreign message repeats parts of the DSN, the password among them.
            raise _unreadable() from None

    async def _prepare(self, connection: PooledConnection) -> None:
        if self._pooler is Pooler.SESSION:
            # It takes any number of connections, but may have none of the server's left for this one.
            await connection.execute("SELECT 1")
        if self._pooler is not Pooler.TRANSACTION:
            await set_json_codecs(connection)
            return
        # Outside of a transaction a statement may be prepared on one server connection and executed on another.
        async with connection.transaction():
            await set_json_codecs(connection)


def _require_clear(dsn: str | None) -> None:
    """Refuse a DSN whose password would be taken for a host, and be asked for from the name service."""
    try:
        clear = dsn is None or not is_ambiguous(dsn)
    except ValueError:
        clear = False
    if not clear:
        raise _unreadable() from None


def _require_root_certificate(dsn: str | None) -> None:
    """Name a file of CA certificates that is not there, which asyncpg and OpenSSL do not."""
    named = parse_qs(urlsplit(dsn).query).get("sslrootcert", []) if dsn else []
    for path in named or filter(None, [os.environ.get("PGSSLROOTCERT")]):
        if not Path(path).is_file():
            raise UsageError(
                f"There is no file of CA certificates at {path}.",
                hint="sslrootcert in the DSN, or PGSSLROOTCERT, names a file of PEM certificates.",
            )


def _port(dsn: str | None) -> int | None:
    """Return the port that a DSN or the environment names, where it is a single one."""
    text = os.environ.get("PGPORT", "")
    if dsn is not None:
        parts = urlsplit(dsn)
        host = parts.netloc.rpartition("@")[2]
        text = text if not host else host.partition(":")[2]
        text = parse_qs(parts.query).get("port", [text])[-1]
    return int(text) if text.isdecimal() else None


def _unreadable() -> UsageError:
    return UsageError(
        "The DSN cannot be read.",
        hint="It has the form postgresql://user:password@host:5432/database; write special characters"
        " of the password in percent encoding.",
    )


async def set_json_codecs(connection: PooledConnection) -> None:
    """Read and write json and jsonb as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: _JSONB_VERSION + encoded_json(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        encoder=encoded_json,
        decoder=msgspec.json.decode,
        format="binary",
    )
