"""How the stages end together: at the end of the work, at a stop, and when one of them dies."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGINT
from typing import NoReturn

import pytest

from cryoasync.errors import CryoasyncError, DatabaseUnavailableError, RunFencedError, SourceUnavailableError
from cryoasync.models import Chunk, EntryState, RunCounts
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.chunk_generator import ChunkGenerator
from cryoasync.pipeline.pipeline import PipelineLimits, run_pipeline
from cryoasync.pipeline.result_collector import ResultCollector
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker_pool import WorkerPool
from cryoasync.ports import ChunkProcessor
from tests.unit.pipeline.fakes import FixedSize, MemoryRun, Processor, breaker, errors_in, patience
from tests.unit.virtual_time import now, on_virtual_time

HOUR = 3600.0
GRACE = 8.0
COMMIT_GRACE = 1.0


@dataclass
class Start:
    """One start of a run: its pipeline, small enough that each queue fills."""

    run: MemoryRun
    processor: ChunkProcessor = field(default_factory=Processor)
    stop: StopRequest = field(default_factory=StopRequest)
    workers: int = 2
    chunk_size: int = 5
    batch_rows: int = 20
    result_queue: int = 4
    patience_seconds: float = 60.0
    stuck_after_seconds: float = 180.0
    to_come: list[asyncio.TimerHandle] = field(default_factory=list)

    async def work(self) -> list[BaseException]:
        """Go through it; return what it died of."""
        clock = asyncio.get_running_loop().time
        self.run.start_again()
        held = breaker()
        checkpoints = CheckpointManager(
            self.run, self.run.counts, patience=patience(self.patience_seconds, held), clock=clock
        )
        try:
            await run_pipeline(
                ChunkGenerator(self.run, FixedSize(self.chunk_size), patience(self.patience_seconds, held)),
                WorkerPool(
                    self.processor,
                    held,
                    num_workers=self.workers,
                    max_queue_size=self.result_queue,
                    clock=clock,
                ),
                ResultCollector(
                    checkpoints, batch_rows=lambda: self.batch_rows, batch_age_seconds=1.0, clock=clock
                ),
                self.stop,
                PipelineLimits(
                    chunk_queue_size=3,
                    stop_grace_seconds=GRACE,
                    commit_grace_seconds=COMMIT_GRACE,
                    stuck_after_seconds=self.stuck_after_seconds,
                ),
            )
        except (CryoasyncError, ExceptionGroup) as error:
            return errors_in(error)
        finally:
            for each in self.to_come:
                each.cancel()
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was left behind"
        return []

    def meanwhile(self, seconds: float, happen: Callable[[], object]) -> None:
        """Let something happen at a moment of the start, unless it is over by then."""
        self.to_come.append(asyncio.get_running_loop().call_later(seconds, happen))


def fail(error: Exception) -> NoReturn:
    raise error


def at(number: int, error: Exception) -> Callable[[Chunk], None]:
    """Meet the error at that chunk."""
    return lambda chunk: fail(error) if chunk.number == number else None


@on_virtual_time
async def test_every_entry_is_settled_and_committed() -> None:
    run = MemoryRun(103, invalid={0, 50, 102})
    assert await Start(run).work() == []
    assert run.counts == RunCounts(imported=100, invalid=3)
    assert not run.uncovered


@on_virtual_time
async def test_a_run_without_work_ends_at_once() -> None:
    assert await Start(MemoryRun(0)).work() == []
    assert now() == 0.0


@on_virtual_time
async def test_the_stages_work_at_the_same_time() -> None:
    """Two workers at a second a chunk, and commits that take as long beside them."""
    run = MemoryRun(200)
    run.commit_seconds = 1.0
    await Start(run, batch_rows=10).work()
    assert now() == pytest.approx(20.0, abs=3.0)


@on_virtual_time
async def test_a_second_start_does_what_is_left_and_what_failed() -> None:
    run = MemoryRun(40)
    odd = Processor(
        state=lambda entry: EntryState.FAILED if entry.position % 2 else EntryState.IMPORTED,
    )
    start = Start(run, odd)
    start.meanwhile(2.5, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert 0 < run.counts.failed < 20
    assert run.counts.pending > 0
    await Start(run).work()
    assert run.counts == RunCounts(imported=40)


@on_virtual_time
async def test_a_stop_finishes_and_commits_what_is_in_hand() -> None:
    run = MemoryRun(1000)
    start = Start(run)
    start.meanwhile(2.5, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert run.counts.imported == 30, "three rounds of two chunks of five"
    assert now() == pytest.approx(3.0)


@on_virtual_time
async def test_a_stop_before_the_first_chunk_does_nothing() -> None:
    run, stop = MemoryRun(100), StopRequest()
    stop.by_signal(SIGINT)
    assert await Start(run, stop=stop).work() == []
    assert run.counts.pending == 100
    assert now() == 0.0


@pytest.mark.parametrize("hanging", ["worker", "commit", "page"])
@on_virtual_time
async def test_a_stop_ends_within_its_grace_whatever_hangs(hanging: str) -> None:
    """What was finished by others is committed all the same, where the database is not what hangs."""
    run = MemoryRun(100)
    processor = Processor(seconds=lambda chunk: HOUR if hanging == "worker" and chunk.number == 3 else 1.0)
    start = Start(run, processor)
    if hanging == "commit":
        start.meanwhile(2.2, lambda: setattr(run, "commit_seconds", HOUR))
    if hanging == "page":
        start.meanwhile(2.2, lambda: run.troubles.extend(["refuse"] * 1000))
    start.meanwhile(2.5, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert now() <= 2.5 + GRACE + COMMIT_GRACE + 0.001
    if hanging == "worker":
        assert run.counts.imported == 20, "the chunks 1, 2, 4 and 5"


@on_virtual_time
async def test_workers_that_hang_cost_the_grace_and_no_more() -> None:
    """Neither the generator, which waits for room in its queue, nor the collector is waited for any longer."""
    start = Start(MemoryRun(100), Processor(lambda _: HOUR), workers=1, chunk_size=1)
    start.meanwhile(2.5, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert now() == 2.5 + GRACE


@on_virtual_time
async def test_what_is_finished_in_the_last_moment_of_the_grace_is_committed() -> None:
    """The last commit has a time of its own."""
    run = MemoryRun(100)
    run.commit_seconds = 0.9 * COMMIT_GRACE
    start = Start(run, Processor(lambda _: 2.4 + GRACE))
    start.meanwhile(2.5, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert run.counts.imported == 10


@on_virtual_time
async def test_a_stop_waits_out_a_database_that_comes_back_within_the_grace() -> None:
    run = MemoryRun(100)
    start = Start(run)
    start.meanwhile(2.2, lambda: run.troubles.extend(["refuse"] * 3))
    start.meanwhile(2.5, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert run.counts.imported == 30


@on_virtual_time
async def test_a_source_out_of_reach_ends_the_run_with_its_error_and_saves_the_rest() -> None:
    error = SourceUnavailableError("away")
    run = MemoryRun(1000)
    start = Start(run, Processor(lambda chunk: 0.9 if chunk.number == 4 else 1.0, at(4, error)))
    assert await start.work() == [error]
    assert run.counts.imported == 15, "the chunks 1, 2 and 3"
    assert start.stop.error is error
    assert now() == pytest.approx(2.0)


@on_virtual_time
async def test_a_worker_that_dies_ends_the_run_with_what_it_died_of() -> None:
    error = ZeroDivisionError()
    assert await Start(MemoryRun(1000), Processor(meet=at(4, error))).work() == [error]
    assert now() == pytest.approx(2.0)


@on_virtual_time
async def test_a_collector_that_dies_ends_the_run_with_what_it_died_of() -> None:
    run, error = MemoryRun(1000), RunFencedError()
    start = Start(run)
    start.meanwhile(2.2, lambda: setattr(run, "commit_error", error))
    assert await start.work() == [error]
    assert now() <= 5.0


@on_virtual_time
async def test_a_generator_that_dies_ends_the_run_with_what_it_died_of() -> None:
    """The database gives no more pages, and commits nothing either, for longer than the patience."""
    run = MemoryRun(1000)
    start = Start(run)
    start.meanwhile(2.2, lambda: run.troubles.extend(["refuse"] * 100_000))
    died_of = await start.work()
    assert died_of
    assert {type(error) for error in died_of} == {DatabaseUnavailableError}
    assert 60.0 <= now() <= 120.0


@on_virtual_time
async def test_a_watch_that_dies_ends_the_run_with_what_it_died_of(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch(_: WorkerPool, seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise ZeroDivisionError

    monkeypatch.setattr(WorkerPool, "watch", watch)
    [error] = await Start(MemoryRun(1000), stuck_after_seconds=5.5).work()
    assert isinstance(error, ZeroDivisionError)
    assert now() == pytest.approx(5.5)


@on_virtual_time
async def test_a_chunk_that_hangs_is_begun_again_and_the_run_ends_whole() -> None:
    seconds = iter([HOUR])
    run = MemoryRun(100)
    processor = Processor(seconds=lambda chunk: next(seconds, 1.0) if chunk.number == 3 else 1.0)
    assert await Start(run, processor).work() == []
    assert run.counts.imported == 100
    assert processor.begun.count(3) == 2
    assert now() < HOUR


@on_virtual_time
async def test_a_slow_database_holds_everything_up_and_nothing_grows() -> None:
    """No more is begun than fits into the queues, the batch and the hands."""
    run = MemoryRun(10_000, page=100)
    run.commit_seconds = HOUR
    processor = Processor()
    start = Start(run, processor)
    start.meanwhile(HOUR / 2, lambda: start.stop.by_signal(SIGINT))
    await start.work()
    in_batch, in_channel, in_hands = 4, 4, 2
    assert len(processor.begun) <= in_batch + in_channel + in_hands


@on_virtual_time
async def test_cancelling_the_run_ends_every_stage() -> None:
    """As the second signal does."""
    start = Start(MemoryRun(1000), Processor(seconds=lambda _: HOUR))
    task = asyncio.current_task()
    assert task is not None
    start.meanwhile(5.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await start.work()
    assert now() == 5.0


@on_virtual_time
async def test_no_worker_begins_a_chunk_while_the_database_is_away() -> None:
    """What each has in hand is finished; the rest waits for the database, and is then done once."""
    run, processor = MemoryRun(500), Processor(lambda _: 0.5)
    start = Start(run, processor, workers=4, chunk_size=5, batch_rows=5, result_queue=50)
    begun: list[int] = []

    def fall_away() -> None:
        run.commit_error = DatabaseUnavailableError("away")

    def come_back() -> None:
        begun.append(len(processor.begun))
        run.commit_error = None

    start.meanwhile(5.0, fall_away)
    start.meanwhile(6.5, lambda: begun.append(len(processor.begun)))
    start.meanwhile(50.0, come_back)
    assert await start.work() == []
    assert begun[0] == begun[1] <= 4 * 5.0 / 0.5 + 2 * 4
    assert run.counts == RunCounts(imported=500)
    assert len(processor.begun) == 100


@on_virtual_time
async def test_a_drowning_database_is_given_time() -> None:
    """While a commit takes longer than ten seconds nothing is begun; once it is done, the work goes on."""
    run, processor = MemoryRun(200), Processor(lambda _: 1.0)
    run.commit_seconds = 60.0
    start = Start(run, processor, workers=2, chunk_size=5, batch_rows=5, result_queue=50)
    begun: list[int] = []
    for moment in (13.5, 59.0):
        start.meanwhile(moment, lambda: begun.append(len(processor.begun)))
    assert await start.work() == []
    # The first commit begins after a second, and is too slow ten seconds later.
    assert begun[0] == begun[1] <= 2 * (11 + 1)
    assert run.counts == RunCounts(imported=200)


@on_virtual_time
async def test_a_stop_ends_those_who_wait_for_the_database() -> None:
    run = MemoryRun(500)
    run.commit_error = DatabaseUnavailableError("away")
    start = Start(run, Processor(lambda _: 0.5), patience_seconds=3600.0)
    start.meanwhile(20.0, lambda: start.stop.by_signal(SIGINT))
    assert await start.work() == []
    assert now() <= 20.0 + GRACE + COMMIT_GRACE + 0.001
