"""The stages of the pipeline, as one start of work goes through them, and how it ends."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from signal import Signals
from typing import Any

from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.control.traffic import Traffic
from cryoasync.errors import CryoasyncError
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.chunk_generator import ChunkGenerator
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.pipeline.pipeline import PipelineLimits, run_pipeline
from cryoasync.pipeline.progress import Progress
from cryoasync.pipeline.result_collector import ResultCollector
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker_pool import WorkerPool
from cryoasync.ports import BatchWriter, ChunkProcessor, PendingEntries
from cryoasync.settings import RunSettings

Display = Callable[[Progress], Coroutine[Any, Any, None]]
"""Lives beside the stages, as a display of their progress does, until cancelled."""


SIZED_CHUNKS_AHEAD = 4
"""Chunks whose size was chosen already: as few as keep the workers busy while a page of entries is read."""


class Stages:
    """One start of work, as it goes through the stages of the pipeline."""

    def __init__(self, run: RunSettings, stop: StopRequest, policy: RatePolicy | None) -> None:
        """Begin to count now; ``policy`` is ``None`` where there is no source to ask."""
        self.clock = asyncio.get_running_loop().time
        self.traffic = Traffic()
        self.began_at = self.clock()
        self.database_breaker = DatabaseBreaker(clock=self.clock)
        self._run = run
        self._stop = stop
        self._policy = policy
        self._rng = random.Random()

    def patience(self) -> DatabasePatience:
        """Return a patience with the database for one more of its users."""
        return DatabasePatience(
            self._run.patience_seconds,
            self.database_breaker,
            drowning_seconds=self._run.drowning_seconds,
            clock=self.clock,
            rng=self._rng,
        )

    def circuits(self) -> SharedCircuitBreaker | None:
        """Return the circuits, where there is a source to ask."""
        return None

    def details(self) -> Mapping[str, Any]:
        """Return further parts of the live state, as JSON values."""
        return {}

    async def go_through(
        self,
        pending: PendingEntries,
        processor: ChunkProcessor,
        checkpoints: CheckpointManager,
        limiter: SharedRateLimiter | None,
        sizer: AdaptiveChunkSizer | None,
        *,
        beside: Mapping[str, Display],
        prepare: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Run the stages over what is ``pending``, and beside them what must live exactly as long, by name.

        Without a source to ask there is no ``limiter`` and no ``sizer``: chunks are as large as they may be.
        ``prepare`` finds out what is pending, where that must be asked for; a stop ends it.
        """
        run = self._run
        pool = WorkerPool(
            processor,
            self.database_breaker,
            num_workers=run.concurrent_chunks,
            max_queue_size=run.result_queue_size,
            clock=self.clock,
        )
        progress = Progress(
            checkpoints,
            pool,
            limiter,
            self._policy,
            self.traffic,
            breaker=self.circuits(),
            clock=self.clock,
            details=lambda: {**self.details(), **_sizing(sizer)},
        )
        async with asyncio.TaskGroup() as side_tasks:
            tasks = [side_tasks.create_task(live(progress), name=name) for name, live in beside.items()]
            if limiter is not None:
                tasks.append(side_tasks.create_task(limiter.run(), name="rate-limiter"))
            if prepare is not None:
                await self._unless_stopped(prepare())
            await run_pipeline(
                ChunkGenerator(pending, lambda: self._next_chunk_size(sizer), self.patience()),
                pool,
                ResultCollector(
                    checkpoints,
                    batch_rows=_batch_rows(run, checkpoints.writer),
                    batch_age_seconds=run.batch_age_seconds,
                    clock=self.clock,
                ),
                self._stop,
                PipelineLimits(
                    chunk_queue_size=run.chunk_queue_size if sizer is None else SIZED_CHUNKS_AHEAD,
                    stop_grace_seconds=run.stop_grace_seconds,
                    stuck_after_seconds=run.stuck_after_seconds,
                ),
            )
            for task in tasks:
                task.cancel()

    def _next_chunk_size(self, sizer: AdaptiveChunkSizer | None) -> int:
        if sizer is None:
            return self._run.chunk_size.maximum
        local = self._local_time()
        return sizer.get_next_chunk_size(local.time(), local.weekday())

    def _local_time(self) -> datetime:
        """Return the time of day, at the source where there is one."""
        return utc_now()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Await ``work``, or cancel it as soon as a stop is asked for."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.wait((working, stopping))
        if not working.cancelled():
            working.result()

    async def ended(self, work: Coroutine[Any, Any, None]) -> CryoasyncError | None:
        """Await ``work``, and return the error that it ended by, if one did.

        A second signal ends it at once: nothing more is waited for, and what was saved stays.
        """
        self._stop.has_work = True
        error: CryoasyncError | None = None
        try:
            await work
        except* CryoasyncError as group:
            error = first_error(group)
        except* asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stop.signal is None or task is None:
                raise
            task.uncancel()
        return error


def exit_code(error: CryoasyncError | None, signal: Signals | None, *, failed: int) -> int:
    """Return the exit code of work that an error or a signal ended, or none, with so many entries ``failed``."""
    if error is not None:
        return error.exit_code
    if signal is not None:
        return 128 + signal
    return 1 if failed else 0


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def first_error(group: BaseExceptionGroup[CryoasyncError]) -> CryoasyncError:
    """Return the first error of a group: the others are what followed from it."""
    first = group.exceptions[0]
    return first_error(first) if isinstance(first, BaseExceptionGroup) else first


def _batch_rows(run: RunSettings, writer: BatchWriter | None) -> Callable[[], int]:
    """Return what tells how many rows a commit waits for; one chunk at a time is committed as it is."""
    if run.sequential:
        return lambda: 1
    return (lambda: run.batch_rows) if writer is None else writer.optimize_batch_size


def _sizing(sizer: AdaptiveChunkSizer | None) -> Mapping[str, Any]:
    """Return why the last chunk had its size, as JSON values."""
    explanation = None if sizer is None else sizer.explanation()
    return {} if explanation is None else {"chunk": explanation.to_json()}
