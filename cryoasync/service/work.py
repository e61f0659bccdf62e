"""One start of work on a source: how fast it may ask, and what it asks through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from cryoasync.control.chunks.answer_times import AnswerTimes
from cryoasync.control.chunks.chunk_choice import Budget
from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.chunks.half_hours import HalfHourTable
from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.concurrency.concurrency_gate import ConcurrencyGate
from cryoasync.control.concurrency.concurrency_limiter import ConcurrencyLimiter
from cryoasync.control.rate.budget_store import BudgetStore
from cryoasync.control.rate.cautious_pace import CautiousPace, Strategy, Timetable
from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.rate_in_force import AdaptiveRate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.troubles.error_handler import PredictiveErrorHandler
from cryoasync.errors import CryoasyncError
from cryoasync.http.budget_file import FileBudgetStore
from cryoasync.http.cache import ResponseCache
from cryoasync.http.reach import Reach
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.ports import ChunkProcessor
from cryoasync.service.site import Site
from cryoasync.service.stages import Stages, first_error, utc_now
from cryoasync.settings import CircuitSettings, HoursSettings, Settings
from cryoasync.sources.asking.guards import Guards
from cryoasync.sources.equipment import DescriptorPool, Equipment, ListedEntries, RowLookup
from cryoasync.sources.registry import Source

LONGEST_ANSWER_SECONDS = 25.0
"""Chunks are small enough to be answered sooner: PubChem ends its work on a request after 30 s."""

RATE_BUDGET_FILE = "rate-budget.sqlite"

Answer = TypeVar("Answer")


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
                limit,
                hours,
                guard_seconds=policy.guard_seconds,
                running_limit_seconds=policy.running_seconds_in_a_minute,
                timetable=timetable,
            ),
            local_time=self._local_time,
            cautious=CautiousPace(timetable) if self._settings.run.cautious else None,
            slow_days=self._source.slow_days,
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
        raise first_error(group) from None
    return answer


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
