"""Commits that meet another start of the run, or the end of their session."""

import asyncio

import pytest

from cryoasync.database.connection import Database
from cryoasync.errors import DatabaseUnavailableError, RunFencedError
from cryoasync.models import Batch, EntryState, RunCounts
from tests.conftest import Fetch
from tests.integration.database.builders import (
    attempt,
    batch_of,
    chunk_result,
    entry_result,
    failure,
    repository,
    restarted,
    started_run,
    states,
    store_of,
)

FAILED = EntryState.FAILED


async def test_an_earlier_start_can_commit_no_more(database: Database, fetch: Fetch) -> None:
    """Nothing of its batch is written, rows included."""
    zombie = await started_run(database, 2)
    await restarted(database, zombie)
    with pytest.raises(RunFencedError):
        await store_of(database, zombie).commit(batch_of(entry_result(0), entry_result(1, FAILED)))
    assert await states(fetch) == [EntryState.PENDING] * 2
    assert await fetch("SELECT FROM cryoasync.pubchem_compounds") == []


async def test_a_run_that_was_deleted_takes_no_batch(database: Database, fetch: Fetch) -> None:
    """The process that still works on it is told that the run is not its own."""
    run = await started_run(database, 2)
    await repository(database).delete(run)
    with pytest.raises(RunFencedError):
        await store_of(database, run).commit(batch_of(entry_result(0), entry_result(1, FAILED)))
    assert await fetch("SELECT FROM cryoasync.pubchem_compounds") == []


async def test_a_claim_waits_for_the_commit_in_hand(database: Database, fetch: Fetch) -> None:
    """What an earlier start commits, the next one sees: nothing comes in between."""
    run = await started_run(database, 1)
    async with database.session() as blocker:
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE cryoasync.requests")
        commit = asyncio.create_task(
            store_of(database, run).commit(
                Batch(results=[chunk_result(entry_result(0))], attempts=[attempt(0, 1)])
            )
        )
        await waiting_backends(fetch, 1)
        claim = asyncio.create_task(restarted(database, run))
        await waiting_backends(fetch, 2)
        await transaction.rollback()
    assert (await commit).counts == RunCounts(imported=1)
    assert (await claim).counts == RunCounts(imported=1)


async def waiting_backends(fetch: Fetch, count: int) -> None:
    """Return when so many sessions of this database wait for a lock."""
    query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while len(await fetch(query)) < count:
        pass


@pytest.mark.parametrize("table", ["pubchem_compounds", "run_blocks", "run_outcomes", "failures", "requests"])
async def test_a_session_that_ends_in_the_middle_of_a_commit_leaves_nothing(
    database: Database, fetch: Fetch, table: str
) -> None:
    """Wherever it ends; the same batch then lands once."""
    run = await started_run(database, 2)
    batch = Batch(
        results=[chunk_result(entry_result(0), entry_result(1, FAILED, failures=[failure(1)]))],
        attempts=[attempt(0, 2)],
    )
    async with database.session() as blocker:
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute(f"LOCK TABLE cryoasync.{table}")
        commit = asyncio.create_task(store_of(database, run).commit(batch))
        await waiting_backends(fetch, 1)
        await fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with pytest.raises(DatabaseUnavailableError):
            await commit
        await transaction.rollback()
    assert await states(fetch) == [EntryState.PENDING] * 2
    assert (
        await fetch("SELECT FROM cryoasync.pubchem_compounds UNION ALL SELECT FROM cryoasync.requests") == []
    )
    report = await store_of(database, run).commit(batch)
    assert report.counts == RunCounts(imported=1, failed=1)
    assert await fetch("SELECT cid FROM cryoasync.pubchem_compounds") == [(1,)]
