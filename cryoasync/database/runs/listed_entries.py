"""The entries of a run over a list of the source's: which ids they turned out to have, and those added later."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.runs.hold import fenced_error
from cryoasync.database.runs.record import Run
from cryoasync.database.sql import statement
from cryoasync.models import RunCounts

PAGE_POSITIONS = 10_000

_ADD_ENTRIES = statement("add_entries")
_SETTLED_SPANS = """
SELECT lower(span), upper(span)
FROM cryoasync.run_blocks, unnest(done) AS span
WHERE run_id = $1
ORDER BY 1
"""
_IDS = """
SELECT source_id
FROM cryoasync.run_inputs
WHERE run_id = $1 AND position >= $2 AND position < $3
"""


async def ids_of_settled_entries(database: Database, run: Run) -> AsyncIterator[list[str]]:
    """Yield the ids of the settled entries, page by page; of a place where nobody was, its name."""
    async with database.transaction() as connection:
        spans = await connection.fetch(_SETTLED_SPANS, run.id)
    for first, end in spans:
        for start in range(first, end, PAGE_POSITIONS):
            async with database.transaction() as connection:
                records = await connection.fetch(_IDS, run.id, start, min(start + PAGE_POSITIONS, end))
            yield [record["source_id"] for record in records]


async def add_entries(
    database: Database, run: Run, ids: Sequence[str], listing: Mapping[str, Any]
) -> RunCounts:
    """Add entries to a claimed run, with which it has all that a ``listing`` has, and return its new totals.

    Raises:
        RunFencedError: another process has taken the run over; nothing was added.
        DatabaseError: nothing is known to be added.
    """
    async with database.transaction() as connection:
        record = await connection.fetchrow(_ADD_ENTRIES, run.id, run.epoch, ids, listing)
    if record is None:
        raise fenced_error(run)
    return RunCounts(**dict(record))
