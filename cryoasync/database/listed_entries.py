"""The entries of a run over a list of the source's: which ids they turned out to have, and those added later."""

from collections.abc import AsyncIterator, Sequence

from cryoasync.database.connection import Database
from cryoasync.database.run_hold import fenced_error
from cryoasync.database.run_record import Run
from cryoasync.database.sql import statement
from cryoasync.models import RunCounts

PAGE_POSITIONS = 10_000

_ADD_ENTRIES = statement("add_entries")
_IDS = """
SELECT position, source_id
FROM cryoasync.run_inputs
WHERE run_id = $1 AND position >= $2
ORDER BY position
LIMIT $3
"""


async def ids_of_entries(database: Database, run: Run) -> AsyncIterator[list[str]]:
    """Yield the ids of all entries, page by page; those of places not looked at yet are the places' names."""
    start = 0
    while start < run.counts.requested:
        async with database.transaction() as connection:
            records = await connection.fetch(_IDS, run.id, start, PAGE_POSITIONS)
        yield [record["source_id"] for record in records]
        start += PAGE_POSITIONS


async def add_entries(database: Database, run: Run, ids: Sequence[str]) -> RunCounts:
    """Add entries to a claimed run, and return its new totals.

    Raises:
        RunFencedError: another process has taken the run over; nothing was added.
        DatabaseError: nothing is known to be added.
    """
    async with database.transaction() as connection:
        record = await connection.fetchrow(_ADD_ENTRIES, run.id, run.epoch, ids)
    if record is None:
        raise fenced_error(run)
    return RunCounts(**dict(record))
