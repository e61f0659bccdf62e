"""Workers at work: what each of them does, how one is freed that is stuck, and how all of them end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest

from cryoasync.errors import SourceUnavailableError
from cryoasync.models import Activity, Chunk, ChunkResult
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker_pool import WorkerPool
from cryoasync.ports import ActivityReport, ChunkProcessor
from tests.unit.pipeline.fakes import Processor, breaker, chunk, errors_in
from tests.unit.virtual_time import now, on_virtual_time

HOUR = 3600.0


def pool_of(processor: ChunkProcessor, workers: int = 1, queue: int = 100) -> WorkerPool:
    clock = asyncio.get_running_loop().time
    return WorkerPool(processor, breaker(), num_workers=workers, max_queue_size=queue, clock=clock)


async def filled(count: int) -> Channel[Chunk]:
    """A closed channel of so many chunks."""
    chunks: Channel[Chunk] = Channel(count)
    for number in range(1, count + 1):
        await chunks.send(chunk(number))
    chunks.close()
    return chunks


async def work(
    pool: WorkerPool, count: int, stop: StopRequest | None = None, *, grace: float = HOUR
) -> list[int]:
    """Let the pool work on so many chunks; return those that it finished."""
    await pool.run(await filled(count), stop or StopRequest(), grace_seconds=grace)
    return sorted([each.chunk.number async for each in pool.results])


@asynccontextmanager
async def watched(pool: WorkerPool, stuck_after: float) -> AsyncIterator[None]:
    """Watch the pool; an error of the watch comes out."""
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(pool.watch(stuck_after))
        yield
        watch.cancel()


class Scripted:
    """Does, at the n-th call, the n-th thing: sleep so long in an activity; or hang in it for ``None``."""

    def __init__(self, *steps: tuple[Activity, float | None]) -> None:
        self._steps = steps
        self.calls: list[float] = []

    async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
        activity, seconds = self._steps[min(len(self.calls), len(self._steps) - 1)]
        self.calls.append(now())
        report(activity)
        await asyncio.sleep(10**9 if seconds is None else seconds)
        return ChunkResult(chunk=chunk, entries=())


@on_virtual_time
async def test_workers_share_the_chunks_and_each_is_processed_once() -> None:
    processor = Processor(lambda each: each.number % 3)
    assert await work(pool_of(processor, workers=4), 20) == list(range(1, 21))
    assert sorted(processor.begun) == list(range(1, 21))


@on_virtual_time
async def test_n_workers_do_n_chunks_at_a_time() -> None:
    await work(pool_of(Processor(), workers=8), 24)
    assert now() == pytest.approx(3.0)


@on_virtual_time
async def test_results_that_nobody_takes_hold_the_workers_up() -> None:
    """Beyond the queue and one chunk in each hand, nothing is begun."""
    processor = Processor()
    pool, chunks = pool_of(processor, workers=3, queue=2), await filled(50)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(chunks, StopRequest(), grace_seconds=0.0))
        await asyncio.sleep(HOUR)
        assert len(processor.begun) == 5
        assert {status.activity for status in pool.status()} == {Activity.DELIVERING}
        running.cancel()


@pytest.mark.parametrize("step", [Activity.FETCHING, Activity.COMPUTING, Activity.BACKING_OFF])
@on_virtual_time
async def test_a_stuck_worker_begins_its_chunk_again(step: Activity) -> None:
    processor = Scripted((step, None), (step, 1.0))
    pool = pool_of(processor)
    async with watched(pool, 180.0):
        assert await work(pool, 1) == [1]
    first, again = processor.calls
    assert 180.0 <= again - first <= 180.0 * 1.25 + 1


@pytest.mark.parametrize("step", [Activity.WAITING_FOR_PERMIT, Activity.DELIVERING])
@on_virtual_time
async def test_a_worker_that_waits_for_others_is_not_stuck(step: Activity) -> None:
    processor = Scripted((step, 10 * HOUR))
    pool = pool_of(processor)
    async with watched(pool, 180.0):
        await work(pool, 1)
    assert processor.calls == [0.0]


@on_virtual_time
async def test_a_chunk_begun_again_has_its_whole_time_again() -> None:
    """The time of the first try does not count against the second, even before its first step is told."""

    class Slow(Scripted):
        async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
            if self.calls:
                await asyncio.sleep(100.0)
            return await super().process(chunk, report)

    processor = Slow((Activity.FETCHING, None), (Activity.FETCHING, 100.0))
    pool = pool_of(processor)
    async with watched(pool, 180.0):
        await work(pool, 1)
    assert len(processor.calls) == 2


@on_virtual_time
async def test_a_worker_stuck_before_its_first_step_is_noticed() -> None:
    class Silent(Scripted):
        async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
            return await super().process(chunk, lambda _: None)

    pool = pool_of(Silent((Activity.FETCHING, None), (Activity.FETCHING, 1.0)))
    async with watched(pool, 180.0):
        assert await work(pool, 1) == [1]


@on_virtual_time
async def test_a_stuck_worker_that_lets_go_slowly_is_asked_only_once() -> None:
    """Giving up may take its time, such as closing connections; the watch goes on meanwhile."""

    class Clinging(Scripted):
        async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
            try:
                return await super().process(chunk, report)
            except asyncio.CancelledError:
                await asyncio.sleep(HOUR)
                raise

    processor = Clinging((Activity.FETCHING, None), (Activity.FETCHING, 1.0))
    pool = pool_of(processor)
    async with watched(pool, 180.0):
        assert await work(pool, 1) == [1]
    assert len(processor.calls) == 2


@on_virtual_time
async def test_a_time_out_of_the_processors_own_is_an_error_and_no_reason_to_begin_again() -> None:
    def time_out(_: Chunk) -> NoReturn:
        raise TimeoutError("its own")

    processor = Processor(meet=time_out)
    with pytest.raises(ExceptionGroup) as caught:
        await work(pool_of(processor), 1)
    assert [str(error) for error in errors_in(caught.value)] == ["its own"]


@on_virtual_time
async def test_an_expected_error_stops_the_run_and_lets_the_others_finish() -> None:
    error, stop = SourceUnavailableError("away"), StopRequest()

    def meet(each: Chunk) -> None:
        if each.number == 2:
            raise error

    processor = Processor(seconds=lambda each: float(each.number), meet=meet)
    pool = pool_of(processor, workers=3)
    assert await work(pool, 50, stop) == [1, 3, 4]
    assert stop.error is error
    assert {status.activity for status in pool.status()} == {Activity.IDLE}


@on_virtual_time
async def test_an_unexpected_error_ends_all_workers_with_it() -> None:
    def meet(each: Chunk) -> None:
        if each.number == 2:
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await work(pool_of(Processor(meet=meet), workers=3), 50)
    assert [type(error) for error in errors_in(caught.value)] == [ZeroDivisionError]
    assert now() == 1.0


@on_virtual_time
async def test_after_a_stop_what_is_in_hand_is_finished_and_nothing_is_begun() -> None:
    processor, stop = Processor(), StopRequest()
    async with asyncio.TaskGroup() as group:
        group.create_task(_stop_after(stop, 2.5))
        finished = await work(pool_of(processor, workers=2), 50, stop)
    assert (finished, sorted(processor.begun)) == ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    assert now() == pytest.approx(3.0)


@on_virtual_time
async def test_after_the_grace_what_is_still_in_hand_is_left() -> None:
    stop = StopRequest()
    processor = Processor(seconds=lambda each: HOUR if each.number == 1 else 1.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(_stop_after(stop, 2.5))
        finished = await work(pool_of(processor, workers=2), 50, stop, grace=8.0)
    assert finished == [2, 3, 4]
    assert now() == pytest.approx(10.5)


@on_virtual_time
async def test_the_status_tells_what_each_worker_does_and_for_how_long() -> None:
    pool = pool_of(Processor(seconds=lambda _: 10.0), workers=2)
    async with asyncio.TaskGroup() as group:
        group.create_task(work(pool, 1))
        await asyncio.sleep(4.0)
        busy, idle = pool.status()
        assert (busy.number, busy.activity, busy.seconds, busy.chunk) == (1, Activity.FETCHING, 4.0, 1)
        assert (idle.number, idle.activity, idle.chunk) == (2, Activity.IDLE, None)


@on_virtual_time
async def test_the_time_of_the_workers_is_accounted_for() -> None:
    """A worker fetches for seven seconds and computes for three; then its result waits two for room."""

    class Steps:
        async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
            for activity, seconds in [(Activity.FETCHING, 7.0), (Activity.COMPUTING, 3.0)]:
                report(activity)
                await asyncio.sleep(seconds)
            return ChunkResult(chunk=chunk, entries=())

    pool = pool_of(Steps(), queue=1)
    async with asyncio.TaskGroup() as group:
        group.create_task(pool.run(await filled(2), StopRequest(), grace_seconds=0.0))
        await asyncio.sleep(22.0)
        await pool.results.receive()
    assert pool.seconds_by_activity() == {
        Activity.FETCHING: 14.0,
        Activity.COMPUTING: 6.0,
        Activity.DELIVERING: 2.0,
    }


@on_virtual_time
async def test_the_step_in_hand_is_accounted_for_and_still_found_stuck() -> None:
    pool = pool_of(Scripted((Activity.FETCHING, None), (Activity.FETCHING, 1.0)), workers=2)
    async with watched(pool, 180.0), asyncio.TaskGroup() as group:
        group.create_task(work(pool, 1))
        await asyncio.sleep(100.0)
        assert pool.seconds_by_activity() == {Activity.FETCHING: 100.0, Activity.IDLE: 100.0}
        assert pool.status()[0].seconds == 100.0


async def _stop_after(stop: StopRequest, seconds: float) -> None:
    await asyncio.sleep(seconds)
    stop.by_error(SourceUnavailableError("enough"))
