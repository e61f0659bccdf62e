"""Committing batches on a real server: exactly once, accounted for, fenced."""

from cryoasync.database.connection import Database
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import Run
from cryoasync.models import (
    Batch,
    EntryState,
    FailureKind,
    Row,
    RunCounts,
)
from tests.conftest import Fetch
from tests.integration.database.builders import (
    NOON,
    attempt,
    batch_of,
    chunk_result,
    compound,
    descriptors,
    entry_result,
    failure,
    restarted,
    started_run,
    states,
    store_of,
)

IMPORTED, NOT_FOUND, FAILED = EntryState.IMPORTED, EntryState.NOT_FOUND, EntryState.FAILED
EVERYTHING = tuple(
    f"SELECT t::text, xmin::text FROM cryoasync.{table} t ORDER BY 1"
    for table in ("pubchem_compounds", "run_blocks", "run_outcomes", "failures", "requests")
)
FAILURES = (
    "SELECT source_id, kind, message, attempts, resolved_at IS NULL FROM cryoasync.failures ORDER BY 1, 2"
)


async def failed_positions(database: Database, run: Run) -> list[int]:
    """What is left to be retried."""
    return [entry.position async for page in PostgresPendingEntries(database, run).failed() for entry in page]


async def test_a_batch_lands_with_its_checkpoint(database: Database, fetch: Fetch) -> None:
    """Rows, states with reasons, failures, requests and counts, from chunks in any order."""
    run = await started_run(database, 6)
    batch = Batch(
        results=[
            chunk_result(
                entry_result(3),
                entry_result(4, FAILED, reason="no", failures=[failure(4)]),
                attempts=[attempt(3, 5)],
            ),
            chunk_result(entry_result(0), entry_result(1, NOT_FOUND, reason="absent"), entry_result(2)),
        ],
        attempts=[attempt(0, 3)],
    )
    report = await store_of(database, run).commit(batch)
    assert report.counts == RunCounts(imported=3, not_found=1, failed=1, pending=1)
    assert (report.rows, report.refused) == (3, 0)
    assert await states(fetch) == [IMPORTED, NOT_FOUND, IMPORTED, IMPORTED, FAILED, EntryState.PENDING]
    assert await fetch(
        "SELECT reason FROM cryoasync.run_entries WHERE reason IS NOT NULL ORDER BY position"
    ) == [
        ("absent",),
        ("no",),
    ]
    assert await fetch(FAILURES) == [("5", "poison", "no", 2, True)]
    assert await fetch("SELECT first_id, last_id, ids FROM cryoasync.requests ORDER BY sent_at") == [
        ("1", "3", 3),
        ("4", "5", 2),
    ]
    assert await fetch("SELECT cid FROM cryoasync.pubchem_compounds ORDER BY cid") == [(1,), (3,), (4,)]


async def test_the_same_batch_twice_changes_nothing(database: Database, fetch: Fetch) -> None:
    """Not even a row version, whether its entries are new or retried."""
    run = await started_run(database, 4)
    first = Batch(
        results=[
            chunk_result(
                entry_result(0),
                entry_result(1, FAILED, failures=[failure(1)]),
                entry_result(2, FAILED, failures=[failure(2)]),
                attempts=[attempt(0, 3)],
            )
        ]
    )
    second = batch_of(entry_result(1), entry_result(2, FAILED, failures=[failure(2)]), retried=True)
    for batch in (first, second):
        store = store_of(database, run)
        report = await store.commit(batch)
        before = [await fetch(query) for query in EVERYTHING]
        assert (await store.commit(batch)).counts == report.counts
        assert [await fetch(query) for query in EVERYTHING] == before
        run = await restarted(database, run)
    assert await fetch(FAILURES) == [("2", "poison", "no", 2, False), ("3", "poison", "no", 4, True)]


async def test_a_span_settles_entries_that_needed_no_work(database: Database, fetch: Fetch) -> None:
    """They keep their state and are counted once."""
    run = await started_run(database, 3)
    await fetch("UPDATE cryoasync.run_inputs SET state = 'invalid' WHERE position = 1 RETURNING 1")
    await fetch("UPDATE cryoasync.runs SET pending = 2, invalid = 1 RETURNING 1")
    report = await store_of(database, run).commit(batch_of(entry_result(0), entry_result(2)))
    assert report.counts == RunCounts(imported=2, invalid=1)
    assert await states(fetch) == [IMPORTED, EntryState.INVALID, IMPORTED]


async def test_a_row_that_is_refused_fails_its_entry_alone(database: Database, fetch: Fetch) -> None:
    """The message of the refusal is the reason and the failure."""
    run = await started_run(database, 2)
    bad = entry_result(0, rows=[compound(1, title="a\x00b")])
    report = await store_of(database, run).commit(batch_of(bad, entry_result(1)))
    assert report.refused == 1
    assert report.counts == RunCounts(imported=1, failed=1)
    assert await states(fetch) == [FAILED, IMPORTED]
    [(source_id, kind, message, _, _)] = await fetch(FAILURES)
    assert (source_id, kind) == ("1", "rejected_by_database")
    assert "pubchem_compounds: a NUL character" in str(message)


async def test_refused_descriptors_leave_the_compound_imported(database: Database, fetch: Fetch) -> None:
    """The failure is kept all the same."""
    run = await started_run(database, 1)
    rows = [compound(1), descriptors(NOON, rings=2**40)]
    report = await store_of(database, run).commit(batch_of(entry_result(0, rows=rows)))
    assert report.counts == RunCounts(imported=1)
    [(_, kind, message, _, _)] = await fetch(FAILURES)
    assert (kind, message) == ("rejected_by_database", "rdkit_descriptors: an integer of more than 32 bits")


async def test_retried_entries_move_between_the_counts(database: Database, fetch: Fetch) -> None:
    """Imported at last, absent after all, or failed again with another kind."""
    run = await started_run(database, 4)
    results = [
        entry_result(position, FAILED, reason="first", failures=[failure(position)]) for position in range(4)
    ]
    await store_of(database, run).commit(batch_of(*results))
    assert await failed_positions(database, run) == []
    run = await restarted(database, run)
    assert await failed_positions(database, run) == [0, 1, 2, 3]
    retried = batch_of(
        entry_result(0),
        entry_result(1, NOT_FOUND, reason="absent"),
        entry_result(2, FAILED, reason="again", failures=[failure(2, FailureKind.DECODE, "odd")]),
        retried=True,
    )
    report = await store_of(database, run).commit(retried)
    assert report.counts == RunCounts(imported=1, not_found=1, failed=2)
    assert await states(fetch) == [IMPORTED, NOT_FOUND, FAILED, FAILED]
    assert await fetch(FAILURES) == [
        ("1", "poison", "no", 2, False),
        ("2", "poison", "no", 2, False),
        ("3", "decode", "odd", 2, True),
        ("3", "poison", "no", 2, False),
        ("4", "poison", "no", 2, True),
    ]
    assert await failed_positions(database, run) == [3]


async def test_text_that_cannot_be_stored_does_not_stop_the_books(database: Database, fetch: Fetch) -> None:
    """Messages repeat what a source sent."""
    run = await started_run(database, 1)
    odd = entry_result(0, FAILED, reason="a\x00", failures=[failure(0, message="\ud800\x00")])
    await store_of(database, run).commit(batch_of(odd))
    assert await fetch("SELECT reason FROM cryoasync.run_outcomes") == [("a\ufffd",)]


async def test_a_batch_without_results_keeps_its_requests(database: Database, fetch: Fetch) -> None:
    """Attempts of a chunk that is not settled yet are told nevertheless."""
    run = await started_run(database, 1)
    report = await store_of(database, run).commit(Batch(results=[], attempts=[attempt(0, 1)]))
    assert report.counts == RunCounts(pending=1)
    assert await fetch("SELECT positions FROM cryoasync.requests") != []


async def test_rows_of_several_tables_land_together(database: Database, fetch: Fetch) -> None:
    """One table after the other, in whatever order the rows came."""
    run = await started_run(database, 2)
    rows: list[list[Row]] = [[descriptors(NOON), compound(1)], [compound(2)]]
    report = await store_of(database, run).commit(
        batch_of(*(entry_result(position, rows=rows[position]) for position in range(2)))
    )
    assert report.rows == 3
    assert len(await fetch("SELECT FROM cryoasync.rdkit_descriptors")) == 1


async def test_the_checkpoint_stays_small_when_chunks_are_settled_out_of_order(
    database: Database, fetch: Fetch
) -> None:
    """Neighbours grow together into one range."""
    run = await started_run(database, 200)
    store = store_of(database, run)
    for start in (*range(0, 200, 20), *range(10, 200, 20)):
        await store.commit(batch_of(*(entry_result(start + offset) for offset in range(10))))
    assert await fetch("SELECT done::text FROM cryoasync.run_blocks") == [("{[0,200)}",)]
