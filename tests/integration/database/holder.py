"""A process that holds a run until it is killed: ``python -m tests.integration.database.holder DSN``."""

import asyncio
import sys

from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.runs.record import run_key
from tests.integration.database.builders import IDENTITY, repository


async def hold(dsn: str) -> None:
    """Claim the latest run, say so, and wait."""
    async with open_database(DatabaseSettings(dsn=dsn)) as database:
        runs = repository(database)
        async with runs.hold(run_key(IDENTITY)) as held:
            run = await runs.find(IDENTITY)
            assert run is not None
            await held.claim(run)
            sys.stdout.write("holding\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1]))
