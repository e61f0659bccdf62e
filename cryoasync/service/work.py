"""What every start of work has: the stages, and with a source how fast it may ask and what it asks through."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from signal import Signals
from typing import Any, TypeVar

from cryoasync.control.answer_times import AnswerTimes
from cryoasync.control.budget_store import BudgetStore
from cryoasync.control.cautious_pace import CautiousPace, Strategy, Timetable
from cryoasync.control.chunk_choice import Budget
from cryoasync.control.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit_policy import CircuitPolicy
from cryoasync.control.concurrency_gate import ConcurrencyGate
from cryoasync.control.concurrency_limiter import ConcurrencyLimiter
from cryoasync.control.error_handler import PredictiveErrorHandler
from cryoasync.control.half_hours import HalfHourTable
from cryoasync.control.hour_table import HourTable
from cryoasync.control.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate_limiter import AdaptiveRate, SharedRateLimiter
from cryoasync.control.rate_policy import RatePolicy
from cryoasync.control.traffic import Traffic
from cryoasync.errors import CryoasyncError
from cryoasync.http.budget_file import FileBudgetStore
from cryoasync.http.cache import ResponseCache
from cryoasync.http.reach import Reach
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
from cryoasync.service.site import Site
from cryoasync.settings import CircuitSettings, HoursSettings, RunSettings, Settings
from cryoasync.sources.asking.guards import Guards
from cryoasync.sources.equipment import DescriptorPool, Equipment, ListedEntries, RowLookup
from cryoasync.sources.registry import Source

LONGEST_ANSWER_SECONDS = 25.0
"""Chunks are small enough to be answered sooner: PubChem ends its work on a request after 30 s."""

RATE_BUDGET_FILE = "rate-budget.sqlite"

Answer = TypeVar("Answer")

Display = Callable[[Progress], Coroutine[Any, Any, None]]
"""Lives beside the stages, as a display of their progress does, until cancelled."""


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
                    # A size is chosen late, with all that is known by then.
                    chunk_queue_size=run.chunk_queue_size if sizer is None else 1,
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
            error = _first(group)
        except* asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stop.signal is None or task is None:
                raise
            task.uncancel()
        return error


class Work(Stages):
    """One start of work on the source of a site."""

    def __init__(
        self, settings: Settings, source: Source, site: Site, stop: StopRequest, *, spoke_before: bool
    ) -> None:
        """Begin to count now; ``spoke_before`` tells whether the site ever answered as the source does."""
        super().__init__(settings.run, stop, site.policy)
        patience_seconds = settings.run.patience_seconds
        self.reach = Reach(
            site.base_url, patience_seconds, spoke_before=spoke_before, clock=self.clock, api=source.api
        )
        self.gate = self._gate(source.most_under_way)
        self.breaker = SharedCircuitBreaker(
            policy=circuit_policy(settings.circuit), clock=self.clock, rng=self._rng
        )
        self.errors = PredictiveErrorHandler(local_time=self._local_time, clock=self.clock, rng=self._rng)
        self._settings = settings
        self._source = source
        self._site = site

    def circuits(self) -> SharedCircuitBreaker:
        """Return the circuits of the source."""
        return self.breaker

    def details(self) -> Mapping[str, Any]:
        """Return how the circuits stand, what the troubles were like, and how many requests are under way."""
        now = self.clock()
        circuits = {name: circuit.to_json(now) for name, circuit in self.breaker.get_stats().items()}
        concurrency = {} if self.gate is None else {"concurrency": asdict(self.gate.state())}
        return {"circuits": circuits, "troubles": self.errors.get_stats(), **concurrency}

    @asynccontextmanager
    async def opened_file_budget(self) -> AsyncIterator[FileBudgetStore | None]:
        """Open the rate budget of this user on this machine; ``None`` where its file cannot be used."""
        path = self._settings.state_dir / RATE_BUDGET_FILE
        async with FileBudgetStore.open(path, self.clock) as budget:
            yield budget

    def limiter(self, stores: Sequence[BudgetStore], hours: HourTable) -> SharedRateLimiter:
        """Return the permits of the site, shared with whoever uses one of ``stores``; it learns into ``hours``."""
        return SharedRateLimiter(
            self._site.host,
            self._site.policy,
            stores,
            rate=self._adaptive_rate(hours),
            clock=self.clock,
            rng=self._rng,
        )

    def sizer(self, limiter: SharedRateLimiter, table: HalfHourTable) -> AdaptiveChunkSizer:
        """Return what chooses the sizes of chunks, for as many requests as ``limiter`` lets go out."""
        sizes = self._run.chunk_size
        return AdaptiveChunkSizer(
            sizes.minimum,
            sizes.maximum,
            budget=lambda: self._chunk_budget(limiter),
            rng=self._rng,
            table=table,
        )

    def _chunk_budget(self, limiter: SharedRateLimiter) -> Budget:
        running = self._site.policy.running_time
        at_a_time = float(self._run.concurrent_chunks)
        if self.gate is not None:
            at_a_time = min(at_a_time, self.gate.state().limit)
        if running is not None:
            at_a_time = min(at_a_time, running.limit_seconds / running.seconds)
        return Budget(
            requests_per_second=limiter.requests_per_second,
            running_seconds_per_second=at_a_time,
            longest_seconds=LONGEST_ANSWER_SECONDS,
        )

    def _gate(self, most_under_way: int | None) -> ConcurrencyGate | None:
        if most_under_way is None:
            return None
        return ConcurrencyGate(ConcurrencyLimiter(maximum=most_under_way), clock=self.clock)

    def _adaptive_rate(self, hours: HourTable) -> AdaptiveRate | None:
        """Return what finds out how much of the policy's rate the source bears; ``None`` where it states none."""
        policy = self._site.policy
        limit = policy.requests_in_a_second
        if limit is None:
            return None
        timetable = timetable_of(self._settings.hours)
        return AdaptiveRate(
            limiter=IntelligentRateLimiter(
                limit, hours, guard_seconds=policy.guard_seconds, timetable=timetable
            ),
            local_time=self._local_time,
            cautious=CautiousPace(timetable) if self._settings.run.cautious else None,
        )

    def _local_time(self) -> datetime:
        return datetime.now(self._source.time_zone)

    def equipment(
        self,
        limiter: SharedRateLimiter,
        sizer: AdaptiveChunkSizer,
        *,
        run_id: int,
        cache: ResponseCache | None,
        pool: DescriptorPool | None,
        lookup: RowLookup,
        listed: ListedEntries | None = None,
    ) -> Equipment:
        """Return what the source works with; ``run_id`` is written into the rows."""
        return Equipment(
            run_id=run_id,
            base_url=self._site.base_url,
            guards=Guards(
                limiter=limiter,
                gate=self.gate,
                breaker=self.breaker,
                errors=self.errors,
                reach=self.reach,
                sizer=sizer,
                times=AnswerTimes(),
                traffic=self.traffic,
            ),
            cache=cache,
            cache_origin=self._site.cache_origin,
            pool=pool,
            lookup=lookup,
            clock=self.clock,
            wall_clock=utc_now,
            rng=self._rng,
            listed=listed,
        )

    def opened_processor(self, equipment: Equipment) -> AbstractAsyncContextManager[ChunkProcessor]:
        """Open what turns chunks into results."""
        return self._source.processor(equipment)


async def granted(limiter: SharedRateLimiter, asking: Awaitable[Answer]) -> Answer:
    """Await what asks a source before there are any stages, while ``limiter`` grants permits.

    Raises:
        CryoasyncError: as ``asking`` does, or the budget cannot be kept.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            grants = tasks.create_task(limiter.run(), name="rate-limiter")
            answer = await asking
            grants.cancel()
    except* CryoasyncError as group:
        raise _first(group) from None
    return answer


def _batch_rows(run: RunSettings, writer: BatchWriter | None) -> Callable[[], int]:
    """Return what tells how many rows a commit waits for; one chunk at a time is committed as it is."""
    if run.sequential:
        return lambda: 1
    return (lambda: run.batch_rows) if writer is None else writer.optimize_batch_size


def timetable_of(hours: HoursSettings) -> Timetable:
    """Return the paces of the source's week that ``hours`` describe."""
    return Timetable(
        business=Strategy(
            name="weekday business hours",
            requests_per_second=hours.business_rate,
            backoff=hours.business_backoff,
            longest_delay_seconds=hours.business_longest_delay_seconds,
        ),
        night=Strategy(
            name="weekday night",
            requests_per_second=hours.night_rate,
            backoff=hours.night_backoff,
            longest_delay_seconds=hours.night_longest_delay_seconds,
        ),
        weekend=Strategy(
            name="weekend",
            requests_per_second=hours.weekend_rate,
            backoff=hours.weekend_backoff,
            longest_delay_seconds=hours.weekend_longest_delay_seconds,
        ),
        business_hours=hours.business_hours,
    )


def circuit_policy(settings: CircuitSettings) -> CircuitPolicy:
    """Return when circuits open and are tried; what is no setting is as it is by default."""
    return CircuitPolicy(**settings.model_dump())


def exit_code(error: CryoasyncError | None, signal: Signals | None, *, failed: int) -> int:
    """Return the exit code of work that an error or a signal ended, or none, with so many entries ``failed``."""
    if error is not None:
        return error.exit_code
    if signal is not None:
        return 128 + signal
    return 1 if failed else 0


def _sizing(sizer: AdaptiveChunkSizer | None) -> Mapping[str, Any]:
    """Return why the last chunk had its size, as JSON values."""
    explanation = None if sizer is None else sizer.explanation()
    return {} if explanation is None else {"chunk": explanation.to_json()}


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def _first(group: BaseExceptionGroup[CryoasyncError]) -> CryoasyncError:
    """Return the first error of a group: the others are what followed from it."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
