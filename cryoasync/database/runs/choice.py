"""Which run a command is about."""

from cryoasync.database.connection import Database
from cryoasync.database.reading import reading
from cryoasync.database.runs.owner import this_process
from cryoasync.database.runs.record import RUN_COLUMNS, Run, run_from
from cryoasync.database.runs.repository import RunRepository
from cryoasync.errors import UsageError

_LATEST = f"SELECT {RUN_COLUMNS} FROM cryoasync.runs ORDER BY started_at DESC, id DESC LIMIT 1"  # noqa: S608 - ours


async def chosen_run(database: Database, id_or_name: str | None) -> Run:
    """Return the run with an id or a name; without one, the run that was started last.

    Raises:
        UsageError: there is none.
    """
    if id_or_name is not None:
        return await RunRepository(database, this_process()).get(id_or_name)
    async with reading(database) as connection:
        record = await connection.fetchrow(_LATEST)
    if record is None:
        raise UsageError(
            "There is no run yet.",
            hint="Simulated runs have a database of their own: give --simulate to see them.",
        )
    return run_from(record)
