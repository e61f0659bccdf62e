"""A PostgreSQL to measure on, with a fresh and migrated database for each measurement."""

import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from benchmarks.processes import cpu_seconds_with_children
from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.schema import migrate


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A server on which databases may be made.

    Attributes:
        dsn: of a database to be connected to meanwhile.
        postmaster: the number of its first process; ``None`` where it runs elsewhere.
    """

    dsn: str
    postmaster: int | None

    @asynccontextmanager
    async def fresh_database(self) -> AsyncIterator[str]:
        """Yield the DSN of a migrated database, which is dropped in the end; what was written before is on disk."""
        name = f"cryoasync_benchmark_{uuid.uuid4().hex}"
        await execute(self.dsn, f"CREATE DATABASE {name}")
        try:
            dsn = urlsplit(self.dsn)._replace(path=f"/{name}").geturl()
            async with open_database(DatabaseSettings(dsn=dsn)) as database:
                await migrate(database)
            await execute(self.dsn, "CHECKPOINT")
            yield dsn
        finally:
            await execute(self.dsn, f"DROP DATABASE {name} WITH (FORCE)")

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes so far; 0 where it runs elsewhere."""
        return 0.0 if self.postmaster is None else cpu_seconds_with_children(self.postmaster)


@asynccontextmanager
async def postgres_at(dsn: str | None) -> AsyncIterator[Postgres]:
    """Yield the server of a DSN, else an embedded one in a temporary folder, which is removed in the end."""
    if dsn is not None:
        yield Postgres(dsn=dsn, postmaster=await _postmaster(dsn))
        return
    with tempfile.TemporaryDirectory(prefix="cryoasync-") as folder:
        server = EmbeddedServer(Path(folder))
        await server.ensure_running()
        try:
            dsn = server.dsn("postgres")
            yield Postgres(dsn=dsn, postmaster=await _postmaster(dsn))
        finally:
            await server.destroy()


async def execute(dsn: str, statement: str, *arguments: object) -> None:
    """Execute one statement on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def value(dsn: str, query: str, *arguments: object) -> object:
    """Return the one value that a query gives."""
    connection = await asyncpg.connect(dsn)
    try:
        found: object = await connection.fetchval(query, *arguments)
        return found
    finally:
        await connection.close()


async def _postmaster(dsn: str) -> int | None:
    connection = await asyncpg.connect(dsn)
    try:
        backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        parent = backend.parent() if backend.name().startswith("postgres") else None
    except psutil.NoSuchProcess:
        return None
    else:
        return parent.pid if parent is not None else None
    finally:
        await connection.close()
