"""The connection is lost at every moment of a flush, and everything is written exactly once all the same."""

import itertools
from contextlib import suppress
from dataclasses import replace

import pytest

from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator, BatchLimits
from cryoasync.database.bulk.batch_transaction import ROWS_TO_COPY
from cryoasync.database.connection import Database
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import Run
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.models import Batch, EntryState, RunCounts
from tests.conftest import Fetch
from tests.integration.database.builders import (
    attempt,
    chunk_result,
    compound,
    entry_result,
    failure,
    restarted,
    started_run,
    store_of,
)
from tests.integration.database.failpoints import Loss, failing_at

STATES = [
    *(EntryState.IMPORTED, EntryState.IMPORTED, EntryState.NOT_FOUND),
    *(EntryState.FAILED, EntryState.IMPORTED, EntryState.IMPORTED),
]
LEAST_MOMENTS = 15


def batch(positions: list[int], *, with_bad_row: bool) -> Batch:
    """Those of the six entries, in two chunks; the last one may have a row that the server refuses."""
    results = []
    for part in ([p for p in positions if p < 3], [p for p in positions if p >= 3]):
        entries = [
            entry_result(
                position,
                STATES[position],
                rows=[compound(6, title="\x00")] if with_bad_row and position == 5 else None,
                failures=[failure(position)] if STATES[position] is EntryState.FAILED else [],
            )
            for position in part
        ]
        if entries:
            results.append(chunk_result(*entries, attempts=[attempt(part[0], part[-1] + 1)]))
    return Batch(results=results)


async def settle_what_is_left(database: Database, run: Run, *, with_bad_row: bool) -> None:
    """Start the run again, as another process would, and commit what is pending."""
    run = await restarted(database, run)
    pending = [
        entry.position async for _, page in PostgresPendingEntries(database, run).pages() for entry in page
    ]
    if pending:
        await store_of(database, run).commit(batch(pending, with_bad_row=with_bad_row))


@pytest.mark.parametrize("with_bad_row", [False, True], ids=["quick", "careful"])
@pytest.mark.parametrize("loss", Loss)
async def test_whenever_a_commit_is_cut_off_the_books_are_exact_in_the_end(
    database: Database, fetch: Fetch, loss: Loss, *, with_bad_row: bool
) -> None:
    """Whether the same process commits again or another one goes on: rows, outcomes, counts, failures, requests."""
    imported = [1, 2, 5] if with_bad_row else [1, 2, 5, 6]
    counts = RunCounts(imported=len(imported), not_found=1, failed=6 - 1 - len(imported))
    for moment in itertools.count():
        # Whatever is lost, each moment is followed by both in the end.
        goes_on_elsewhere = bool(moment % 2) is (loss is Loss.AFTER)
        await fetch("DELETE FROM cryoasync.runs RETURNING 1")
        await fetch("DELETE FROM cryoasync.pubchem_compounds RETURNING 1")
        run, whole = await started_run(database, 6), batch([*range(6)], with_bad_row=with_bad_row)
        store = store_of(database, run)
        with failing_at(moment, loss) as point, suppress(DatabaseUnavailableError):
            await store.commit(whole)
        if not point.has_struck:
            assert moment >= LEAST_MOMENTS
            return
        if goes_on_elsewhere:
            await settle_what_is_left(database, run, with_bad_row=with_bad_row)
        else:
            assert (await store.commit(whole)).counts == counts
        where = f"moment {moment}, elsewhere: {goes_on_elsewhere}"
        assert await fetch("SELECT cid FROM cryoasync.pubchem_compounds ORDER BY 1") == [
            (cid,) for cid in imported
        ], where
        assert await fetch("SELECT imported, not_found, invalid, failed, pending FROM cryoasync.runs") == [
            (counts.imported, counts.not_found, 0, counts.failed, 0)
        ], where
        expected = [*STATES[:5], EntryState.FAILED if with_bad_row else EntryState.IMPORTED]
        assert await fetch("SELECT state FROM cryoasync.run_entries ORDER BY position") == [
            (state,) for state in expected
        ], where
        failed = [("4", 2), ("6", 1)] if with_bad_row else [("4", 2)]
        assert await fetch("SELECT source_id, attempts FROM cryoasync.failures ORDER BY 1") == failed, where
        assert await fetch("SELECT count(*) FROM cryoasync.requests") == [(2,)], where


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("count", [5, ROWS_TO_COPY], ids=["as arrays", "copied"])
async def test_whenever_a_bulk_insert_is_cut_off_each_row_is_there_once(
    database: Database, fetch: Fetch, loss: Loss, count: int
) -> None:
    """Into a table without a key, where nothing but the outcome of the commit tells what is there."""
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE lab (number int)")
    limits = replace(BatchLimits(), retry_seconds=10.0)
    for moment in itertools.count():
        operator = BatchDatabaseOperator(database, limits)
        with failing_at(moment, loss) as point:
            report = await operator.bulk_insert("lab", ["number"], [(number,) for number in range(count)])
        assert report.rows == report.changed == count
        found = await fetch("DELETE FROM lab RETURNING number")
        assert sorted(found) == [(number,) for number in range(count)], f"moment {moment}"
        if not point.has_struck:
            assert moment >= 6
            return
        assert operator.get_stats().batches == 1
