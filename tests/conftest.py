"""A real PostgreSQL for every test that asks for one: the embedded server, and a fresh database a test."""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import hypothesis
import pytest

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.schema import migrate
from tests.ports import free_port
from tests.system.pgbouncer import running_pgbouncer

# How fast examples are made and played says more of the machine's other work than of the code.
hypothesis.settings.register_profile(
    "without-clock", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("without-clock")

TEMPLATE = "migrated_template"
_MEMORY = "/dev/shm"
_ROOM_BYTES = 2 * 1024**3


def pytest_configure() -> None:
    """Let tests write into memory where there is room: nearly each has a database made and dropped.

    What is about disks and power cuts has folders of its own.
    """
    with suppress(FileNotFoundError):
        if shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _MEMORY)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of a database meet it through PgBouncer."""
    parser.addoption("--pooler", choices=["session", "transaction"], help="put PgBouncer before the database")


async def run_statement(dsn: str, statement: str) -> None:
    """Execute one statement on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _migrate(dsn: str) -> None:
    async with open_database(DatabaseSettings(dsn=dsn)) as database:
        await migrate(database)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A PostgreSQL server for the whole session, with a migrated database to clone."""
    server = EmbeddedServer(tmp_path_factory.mktemp("postgres"))

    async def start() -> None:
        await server.ensure_running(tcp_port=free_port())
        # Little is kept of the log, in case it is in memory, and none of it is for a power cut.
        for setting in ("SET fsync = off", "SET max_wal_size = '256MB'"):
            await run_statement(server.dsn("postgres"), f"ALTER SYSTEM {setting}")
        await run_statement(server.dsn("postgres"), "SELECT pg_reload_conf()")
        await server.create_database(TEMPLATE)
        await _migrate(server.dsn(TEMPLATE))

    asyncio.run(start())
    yield server
    asyncio.run(server.destroy())


@asynccontextmanager
async def temporary_database(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """The DSN of a clone of a database, dropped in the end."""
    name, maintenance = f"test_{uuid.uuid4().hex}", server.dsn("postgres")
    await run_statement(maintenance, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield server.dsn(name)
    finally:
        await run_statement(maintenance, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def dsn(postgres: EmbeddedServer, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The DSN of a fresh migrated database, behind the pooler that ``--pooler`` names."""
    mode = request.config.getoption("--pooler")
    async with temporary_database(postgres, TEMPLATE) as fresh:
        if mode is None:
            yield fresh
            return
        if request.node.get_closest_marker("direct"):
            pytest.skip("it is about the connections of the server")
        if mode == "transaction" and request.node.get_closest_marker("needs_sessions"):
            pytest.skip("a pooler in transaction mode has no sessions")
        async with running_pgbouncer(mode, postgres.tcp_dsn("postgres")) as pooler:
            yield pooler.dsn(fresh.partition("?")[0].rpartition("/")[2])


@pytest.fixture
async def empty_dsn(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The DSN of a fresh database that knows nothing of cryoasync."""
    async with temporary_database(postgres, "template1") as fresh:
        yield fresh


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """An open, fresh, migrated database; a test that keeps one of its connections fails, and is told which."""
    async with open_database(DatabaseSettings(dsn=dsn)) as opened:
        yield opened
        kept = [holder.name for holder in opened.pool.get_stats().holders]
        assert not kept, f"never given back: {kept}"


Fetch = Callable[..., Awaitable[list[tuple[object, ...]]]]


def fetch_of(database: Database) -> Fetch:
    """A function that runs one query on a database and returns its rows as tuples."""

    async def run(query: str, *arguments: object) -> list[tuple[object, ...]]:
        async with database.transaction() as connection:
            return [tuple(record) for record in await connection.fetch(query, *arguments)]

    return run


@pytest.fixture
def fetch(database: Database) -> Fetch:
    """Run one query on the fresh database and return its rows as tuples."""
    return fetch_of(database)
