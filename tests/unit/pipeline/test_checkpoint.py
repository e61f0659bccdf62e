"""How far a run is saved, and how long a database out of reach is borne."""

import asyncio
from itertools import pairwise

import pytest

from cryoasync.errors import DatabaseDiskFullError, DatabaseUnavailableError, RunFencedError
from cryoasync.models import Batch, EntryState, Row, RunCounts, StagedTable
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.database_patience import LONGEST_BACKOFF_SECONDS
from tests.unit.pipeline.fakes import MemoryRun, chunk, patience, result
from tests.unit.virtual_time import now, on_virtual_time

TABLE = StagedTable(name="compounds", columns=("id",), key=("id",), merge=())


def manager(run: MemoryRun, patience_seconds: float = 3600.0) -> CheckpointManager:
    clock = asyncio.get_running_loop().time
    return CheckpointManager(run, run.counts, patience=patience(patience_seconds), clock=clock)


def batch(start: int, stop: int, state: EntryState = EntryState.IMPORTED) -> Batch:
    return Batch(results=[result(chunk(1, start, stop), state)])


@on_virtual_time
async def test_the_counts_are_those_of_the_last_commit() -> None:
    run = MemoryRun(10, invalid={9})
    checkpoints = manager(run)
    assert checkpoints.counts == RunCounts(invalid=1, pending=9)
    run.commit_seconds = 2.0
    await checkpoints.commit(batch(0, 4))
    await checkpoints.commit(batch(4, 6, EntryState.FAILED))
    assert checkpoints.counts == RunCounts(imported=4, failed=2, invalid=1, pending=3)
    assert checkpoints.last_commit_at == 4.0


@on_virtual_time
async def test_rows_are_counted_by_table() -> None:
    run = MemoryRun(2)
    settled = result(chunk(1, 0, 2))
    rows = tuple(Row(table=TABLE, source_id="0", values=(each,)) for each in range(3))
    first = type(settled.entries[0])(entry=settled.entries[0].entry, state=EntryState.IMPORTED, rows=rows)
    checkpoints = manager(run)
    whole = type(settled)(chunk=settled.chunk, entries=(first, settled.entries[1]))
    await checkpoints.commit(Batch(results=[whole]))
    assert checkpoints.rows_by_table == {"compounds": 3}


@pytest.mark.parametrize(
    "troubles", [["refuse"] * 5, ["unanswered"], ["refuse", "unanswered", "refuse"]], ids=", ".join
)
@on_virtual_time
async def test_the_same_batch_is_committed_until_it_is_answered(troubles: list[str]) -> None:
    """A commit that was done without an answer is not counted twice."""
    run = MemoryRun(10)
    run.troubles = troubles
    checkpoints = manager(run)
    await checkpoints.commit(batch(0, 4))
    assert len(run.batches) == 1
    assert checkpoints.counts == RunCounts(imported=4, pending=6)
    assert now() > 0


@pytest.mark.parametrize("error", [DatabaseUnavailableError, DatabaseDiskFullError])
@on_virtual_time
async def test_a_database_away_beyond_the_patience_is_the_error(
    error: type[DatabaseUnavailableError],
) -> None:
    """Of the same kind, which decides the exit code; and the user is told that nothing is lost."""
    run = MemoryRun(10)
    run.commit_error = error("no", hint="Mend it.")
    with pytest.raises(error) as caught:
        await manager(run, 600.0).commit(batch(0, 4))
    assert (type(caught.value), caught.value.message) == (error, "no")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Mend it. Progress is saved")
    assert 600.0 < now() <= 600.0 + LONGEST_BACKOFF_SECONDS


@on_virtual_time
async def test_the_patience_is_for_each_outage_anew() -> None:
    """Three outages of nine seconds do not wear out a patience of ten."""
    run = MemoryRun(30)
    checkpoints = manager(run, 10.0)

    async def come_back() -> None:
        for _ in range(3):
            run.commit_error = DatabaseUnavailableError("away")
            await asyncio.sleep(9.0)
            run.commit_error = None
            await asyncio.sleep(20.0)

    async with asyncio.TaskGroup() as group:
        group.create_task(come_back())
        await asyncio.sleep(0)
        for start in range(0, 30, 10):
            begun = now()
            await checkpoints.commit(batch(start, start + 10))
            await asyncio.sleep(29.0 - (now() - begun))
    assert checkpoints.counts.imported == 30


@on_virtual_time
async def test_a_database_that_comes_back_is_noticed_within_the_longest_pause() -> None:
    run = MemoryRun(10)
    run.commit_error = DatabaseUnavailableError("away")
    asyncio.get_running_loop().call_later(3000.0, setattr, run, "commit_error", None)
    await manager(run, 86_400.0).commit(batch(0, 4))
    assert 3000.0 <= now() <= 3000.0 + LONGEST_BACKOFF_SECONDS


@on_virtual_time
async def test_an_outage_costs_few_tries() -> None:
    """The pauses double up to a quarter of a minute."""
    tried_at: list[float] = []

    async def away() -> None:
        tried_at.append(now())
        raise DatabaseUnavailableError("away")

    with pytest.raises(DatabaseUnavailableError):
        await patience(3600.0).keep_trying(away)
    pauses = [later - earlier for earlier, later in pairwise(tried_at)]
    ceilings = [min(LONGEST_BACKOFF_SECONDS, 0.2 * 2**tries) for tries in range(len(pauses))]
    assert all(
        ceiling / 2 <= pause <= ceiling + 1e-6 for pause, ceiling in zip(pauses, ceilings, strict=True)
    )


@on_virtual_time
async def test_any_other_error_is_not_waited_out() -> None:
    run = MemoryRun(10)
    run.commit_error = RunFencedError()
    with pytest.raises(RunFencedError):
        await manager(run).commit(batch(0, 4))
    assert now() == 0.0
