"""The entries of runs that did not come in: what failed, what the source does not have, what is no id."""

from dataclasses import dataclass

import asyncpg

from cryoasync.database.connection import Database
from cryoasync.database.reading import reading
from cryoasync.database.stream import Selection, selection_of
from cryoasync.models import EntryState

# Ids of one source are numbers, or numbers behind a prefix: by their length first they are in order.
_UNRESOLVED = """
SELECT run_id, source, source_id, kind, attempts, first_seen, last_seen, message
FROM cryoasync.failures
WHERE resolved_at IS NULL AND ($1::bigint IS NULL OR run_id = $1)
ORDER BY run_id, source, length(source_id), source_id, kind
"""
_ENTRIES = """
SELECT run_id, position, source_id, line, reason
FROM cryoasync.run_entries
WHERE state = $2 AND ($1::bigint IS NULL OR run_id = $1)
ORDER BY run_id, position
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureScope:
    """Which entries are meant.

    Attributes:
        state: ``FAILED`` stands for the failures that are not resolved, also those of compounds that were
            imported but for a part.
        run_id: of the run; ``None`` for all runs.
    """

    state: EntryState
    run_id: int | None


def table_of(state: EntryState) -> str:
    """Return the name of the table that tells of the entries in a state."""
    return "failures" if state is EntryState.FAILED else "run_entries"


async def failure_selection(database: Database, scope: FailureScope) -> Selection:
    """Return the query for the entries of a scope, in the order of their runs.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    if scope.state is EntryState.FAILED:
        return await selection_of(database, _UNRESOLVED, scope.run_id)
    return await selection_of(database, _ENTRIES, scope.run_id, scope.state)


async def first_failures(
    database: Database, scope: FailureScope, limit: int
) -> tuple[int, list[asyncpg.Record]]:
    """Return how many entries a scope has, and the first of them.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    selection = await failure_selection(database, scope)
    inner = f"FROM ({selection.query}) AS selected"
    async with reading(database) as connection:
        total = await connection.fetchval(f"SELECT count(*) {inner}", *selection.arguments)
        records = await connection.fetch(f"SELECT * {inner} LIMIT {limit:d}", *selection.arguments)
    return total, records
