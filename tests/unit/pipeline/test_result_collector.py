"""Results become batches, by size or by age, and every one of them is committed."""

import asyncio

import pytest

from cryoasync.errors import RunFencedError
from cryoasync.models import Chunk, ChunkResult
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.result_collector import ResultCollector
from tests.unit.pipeline.fakes import MemoryRun, chunk, patience, result
from tests.unit.virtual_time import on_virtual_time


def collector(run: MemoryRun, *, entries: int = 10, age: float = 1.0) -> ResultCollector:
    clock = asyncio.get_running_loop().time
    checkpoints = CheckpointManager(run, run.counts, patience=patience(), clock=clock)
    return ResultCollector(checkpoints, batch_rows=lambda: entries, batch_age_seconds=age, clock=clock)


async def collect(
    run: MemoryRun, pauses: list[float], *, each: int = 1, entries: int = 10, age: float = 1.0
) -> list[int]:
    """Send results of so many entries each, with a pause before every one; return the batches' sizes in results."""
    results: Channel[ChunkResult] = Channel(16)
    async with asyncio.TaskGroup() as group:
        group.create_task(collector(run, entries=entries, age=age).run(results))
        for number, pause in enumerate(pauses):
            await asyncio.sleep(pause)
            await results.send(result(chunk(number, number * each, (number + 1) * each)))
        results.close()
    return [len(batch.results) for batch in run.batches]


@on_virtual_time
async def test_a_batch_is_committed_once_it_has_its_entries() -> None:
    assert await collect(MemoryRun(100), [0.0] * 8, each=4) == [3, 3, 2]
    assert await collect(MemoryRun(100), [0.0] * 5, each=5) == [2, 2, 1]


@on_virtual_time
async def test_a_batch_is_committed_once_its_first_result_is_old() -> None:
    run = MemoryRun(100)
    await collect(run, [0.0, 0.4, 0.4, 0.4, 0.4, 5.0])
    assert [len(batch.results) for batch in run.batches] == [3, 2, 1]
    assert run.committed_at == [1.0, pytest.approx(2.2), pytest.approx(6.6)]


@on_virtual_time
async def test_what_was_received_is_committed_at_the_end() -> None:
    run = MemoryRun(6)
    await collect(run, [0.0] * 3, each=2, entries=1000, age=3600.0)
    assert run.committed_at == [0.0]
    assert run.counts.imported == 6


@on_virtual_time
async def test_no_result_at_all_is_no_batch() -> None:
    assert await collect(MemoryRun(5), []) == []


@on_virtual_time
async def test_results_without_entries_are_committed_too() -> None:
    """Their spans are progress."""
    run = MemoryRun(10, invalid=range(10))
    results: Channel[ChunkResult] = Channel(1)
    [(span, _)] = [page async for page in run.pages()]
    async with asyncio.TaskGroup() as group:
        group.create_task(collector(run).run(results))
        await results.send(result(Chunk(number=1, entries=(), span=span)))
        results.close()
    assert not run.uncovered


@on_virtual_time
async def test_a_slow_database_makes_larger_batches_and_loses_none() -> None:
    """Results that come during a commit wait in the channel for the next one."""
    run = MemoryRun(60)
    run.commit_seconds = 5.0
    sizes = await collect(run, [0.25] * 60, entries=1000)
    assert sum(sizes) == 60
    assert max(sizes) >= 16
    assert run.counts.imported == 60


@on_virtual_time
async def test_an_error_of_the_commit_is_the_collectors_own() -> None:
    run = MemoryRun(5)
    run.commit_error = RunFencedError()
    with pytest.raises(ExceptionGroup) as caught:
        await collect(run, [0.0])
    assert caught.value.exceptions == (run.commit_error,)
