"""The database that the settings mean: the user's own, or the embedded one, migrated and ready."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.molecules.backlog import enter_backlog
from cryoasync.database.pool.member import PoolLimits
from cryoasync.database.pooler import Pooler
from cryoasync.database.schema import migrate
from cryoasync.settings import PoolerChoice, Settings

REAL_DATABASE = "cryoasync"
SIMULATED_DATABASE = "cryoasync_simulated"
"""Simulated compounds have a database of their own in the embedded server."""


def embedded_database(settings: Settings) -> str:
    """Return the name of the database that the settings mean in the embedded server."""
    return SIMULATED_DATABASE if settings.run.simulate else REAL_DATABASE


async def database_dsn(settings: Settings) -> str | None:
    """Return the DSN of the settings' database; ``None`` leaves it to libpq's environment.

    The embedded server is started, and its database made, where they are the ones meant.

    Raises:
        UsageError: the data dir cannot be used.
        DatabaseError: the embedded server does not start.
    """
    if settings.dsn is not None:
        return settings.dsn.get_secret_value()
    if settings.libpq_environment:
        return None
    server = EmbeddedServer(settings.data_dir)
    await server.ensure_running()
    name = embedded_database(settings)
    await server.create_database(name)
    return server.dsn(name)


async def database_settings(settings: Settings) -> DatabaseSettings:
    """Return how the settings' database is spoken to; raises as :func:`database_dsn`."""
    chosen = settings.database
    return DatabaseSettings(
        dsn=await database_dsn(settings),
        pool=PoolLimits(
            minimum=chosen.min_connections,
            maximum=chosen.max_connections,
            acquire_seconds=chosen.acquire_seconds,
            idle_seconds=chosen.idle_seconds,
            age_seconds=chosen.age_seconds,
        ),
        pooler=None if chosen.pooler is PoolerChoice.AUTO else Pooler(chosen.pooler),
        connect_timeout_seconds=chosen.connect_seconds,
        command_timeout_seconds=chosen.statement_seconds,
    )


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the settings' database with an up-to-date schema; errors are those of its parts."""
    async with open_database(await database_settings(settings)) as database:
        await migrate(database)
        await enter_backlog(database)
        yield database
