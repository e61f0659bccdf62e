"""Entries that are places in a list, until their ids are known, and those that are added later."""

from dataclasses import replace

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.runs.listed_entries import add_entries, ids_of_settled_entries
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.spool import BLOCK_POSITIONS, SpooledEntry
from cryoasync.errors import RunFencedError
from cryoasync.models import Batch, Chunk, ChunkResult, Entry, EntryResult, EntryState, RunCounts, Span
from tests.conftest import Fetch
from tests.integration.database.builders import failure, restarted, started_run, store_of

ENTRIES = "SELECT position, source_id, state FROM cryoasync.run_entries ORDER BY position"


def settled(*results: EntryResult, retried: bool = False) -> Batch:
    """A batch of results whose entries were asked for by their places."""
    entries = tuple(replace(each.entry, source_id=f"#{each.entry.position}") for each in results)
    span = None if retried else Span(start=entries[0].position, stop=entries[-1].position + 1)
    return Batch(results=[ChunkResult(chunk=Chunk(number=1, entries=entries, span=span), entries=results)])


def found(position: int, source_id: str) -> EntryResult:
    return EntryResult(entry=Entry(position=position, source_id=source_id), state=EntryState.IMPORTED)


async def test_a_place_takes_the_id_that_was_found_there(database: Database, fetch: Fetch) -> None:
    """One where nobody was keeps its name."""
    run = await started_run(database, [SpooledEntry(f"#{place}") for place in range(3)])
    nobody = EntryResult(
        entry=Entry(position=1, source_id="#1"), state=EntryState.NOT_FOUND, reason="the end"
    )
    report = await store_of(database, run).commit(settled(found(0, "CHEMBL7"), nobody))
    assert report.counts == RunCounts(imported=1, not_found=1, pending=1)
    assert await fetch(ENTRIES) == [(0, "CHEMBL7", "imported"), (1, "#1", "not_found"), (2, "#2", "pending")]
    assert [page async for page in ids_of_settled_entries(database, run)] == [["CHEMBL7", "#1"]]


async def test_a_place_that_failed_is_forgotten_with_its_name(database: Database, fetch: Fetch) -> None:
    """Once a retry knows who stands there."""
    run = await started_run(database, [SpooledEntry("#0")])
    lost = replace(failure(0), source_id="#0")
    failed = EntryResult(entry=Entry(position=0, source_id="#0"), state=EntryState.FAILED, failures=(lost,))
    await store_of(database, run).commit(settled(failed))
    again = await restarted(database, run)
    report = await store_of(database, again).commit(settled(found(0, "CHEMBL7"), retried=True))
    assert report.counts == RunCounts(imported=1)
    assert await fetch("SELECT source_id, resolved_at IS NULL FROM cryoasync.failures") == [("#0", False)]
    assert await fetch(ENTRIES) == [(0, "CHEMBL7", "imported")]


async def test_entries_are_added_behind_the_last_one(database: Database, fetch: Fetch) -> None:
    """The books balance, and they are pending."""
    run = await started_run(database, [SpooledEntry("#0")])
    await store_of(database, run).commit(settled(found(0, "CHEMBL7")))
    counts = await add_entries(database, run, ["CHEMBL3", "CHEMBL9"], {"release": "ChEMBL_38", "total": 3})
    assert counts == RunCounts(imported=1, pending=2)
    [(requested, pending, listing)] = await fetch("SELECT requested, pending, listing FROM cryoasync.runs")
    assert (requested, pending, listing) == (3, 2, {"release": "ChEMBL_38", "total": 3})
    pages = [page async for page in PostgresPendingEntries(database, run).pages()]
    assert pages == [
        (
            Span(start=1, stop=3),
            [Entry(position=1, source_id="CHEMBL3"), Entry(position=2, source_id="CHEMBL9")],
        )
    ]


async def test_entries_added_across_a_block_have_blocks_of_their_own(
    database: Database, fetch: Fetch
) -> None:
    """Else no checkpoint could settle them."""
    run = await started_run(database, [SpooledEntry("#0")])
    await fetch(
        f"UPDATE cryoasync.runs SET requested = {BLOCK_POSITIONS - 1}, imported = {BLOCK_POSITIONS - 2}"
    )
    await add_entries(database, run, ["CHEMBL1", "CHEMBL2", "CHEMBL3"], {})
    assert await fetch("SELECT block FROM cryoasync.run_blocks ORDER BY block") == [(0,), (1,)]
    assert await fetch("SELECT position FROM cryoasync.run_inputs WHERE position > 0 ORDER BY 1") == [
        (BLOCK_POSITIONS - 1,),
        (BLOCK_POSITIONS,),
        (BLOCK_POSITIONS + 1,),
    ]


async def test_a_process_that_lost_the_run_adds_nothing(database: Database, fetch: Fetch) -> None:
    """Its epoch is not the latest."""
    run = await started_run(database, [SpooledEntry("#0")])
    await restarted(database, run)
    with pytest.raises(RunFencedError):
        await add_entries(database, run, ["CHEMBL1"], {})
    assert await fetch(ENTRIES) == [(0, "#0", "pending")]
