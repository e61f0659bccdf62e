"""N workers on one channel of chunks, and the check that none of them is stuck."""

import asyncio
from collections.abc import Mapping

import structlog

from cryoasync.models import Activity, Chunk, ChunkResult
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.pipeline.pause_gate import PauseGate
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker import AT_REST, Worker, WorkerStatus
from cryoasync.ports import ChunkProcessor, Clock

_STEPS_THAT_END = frozenset({Activity.FETCHING, Activity.COMPUTING, Activity.BACKING_OFF})
"""Activities with a limit of their own; waiting for a permit or for the database can rightly take long."""

_CHECKS_PER_LIMIT = 4

_log = structlog.get_logger(__name__)


class WorkerPool:
    """Runs the workers until the chunks end, or until the grace after a stop is over."""

    def __init__(
        self,
        processor: ChunkProcessor,
        breaker: DatabaseBreaker,
        *,
        num_workers: int,
        max_queue_size: int,
        clock: Clock,
    ) -> None:
        """Make ``num_workers`` workers; results wait in a channel of ``max_queue_size``."""
        self._workers = [
            Worker(number, processor, breaker, clock=clock) for number in range(1, num_workers + 1)
        ]
        self.results: Channel[ChunkResult] = Channel(max_queue_size)
        self.gate = PauseGate()

    async def run(self, chunks: Channel[Chunk], stop: StopRequest, *, grace_seconds: float) -> None:
        """Work until the end, then close the results.

        After ``stop`` the chunks in hand have ``grace_seconds`` to be finished.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    worker.run(chunks, self.results, stop, self.gate), name=f"worker-{worker.number}"
                )
                for worker in self._workers
            ]
            enforcer = group.create_task(_cancel_after_grace(tasks, stop, grace_seconds), name="grace")
            await asyncio.wait(tasks)
            enforcer.cancel()
        # A generator that waits for room finds it, sees the stop, and ends.
        chunks.discard()
        self.results.close()

    async def watch(self, stuck_after_seconds: float) -> None:
        """Interrupt every worker that makes no step for ``stuck_after_seconds``; runs until cancelled."""
        while True:
            await asyncio.sleep(stuck_after_seconds / _CHECKS_PER_LIMIT)
            for worker in self._workers:
                status = worker.status()
                if status.activity in _STEPS_THAT_END and status.seconds > stuck_after_seconds:
                    _log.error("worker stuck", worker=status.number, activity=status.activity)
                    worker.interrupt()

    @property
    def is_drained(self) -> bool:
        """Whether no worker has a chunk in hand, and every result was taken."""
        return not len(self.results) and all(each.activity in AT_REST for each in self.status())

    def status(self) -> tuple[WorkerStatus, ...]:
        """Return what each worker does now."""
        return tuple(worker.status() for worker in self._workers)

    def seconds_by_activity(self) -> Mapping[Activity, float]:
        """Return what the workers' time went to so far; what it did not go to is left out."""
        spent = [worker.seconds_by_activity() for worker in self._workers]
        total = {activity: sum(each[activity] for each in spent) for activity in Activity}
        return {activity: seconds for activity, seconds in total.items() if seconds}


async def _cancel_after_grace(
    tasks: list[asyncio.Task[None]], stop: StopRequest, grace_seconds: float
) -> None:
    await stop.wait()
    await asyncio.sleep(grace_seconds)
    for task in tasks:
        task.cancel()
