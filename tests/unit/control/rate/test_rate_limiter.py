"""The permits that workers share, on virtual time."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_in_force import AdaptiveRate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.control.rate.slow_days import SlowDays
from cryoasync.control.rate.throttle import Refusal
from cryoasync.testing import MemoryBudget, MemoryBudgetStore
from tests.unit.virtual_time import now, on_virtual_time

HOST = "http://pubchem.test:80"
PUBCHEM = RatePolicy(
    counts=(CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0)),
    running_time=RunningTimeWindow(limit_seconds=300.0, seconds=60.0),
)
AT = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class Desk:
    """A limiter at work, and who used its permits when."""

    limiter: SharedRateLimiter
    sent: list[tuple[float, str]] = field(default_factory=list)

    async def send(
        self, name: str, endpoint: str = "property", priority: Priority = Priority.BEGIN
    ) -> Permit:
        """Wait for a permit and use it."""
        permit = await self.limiter.wait(endpoint, priority)
        self.sent.append((now(), name))
        self.limiter.settle(permit, 0.1)
        self.limiter.accepted(permit, now())
        return permit

    @property
    def order(self) -> list[str]:
        """The names of who sent, in order."""
        return [name for _, name in self.sent]


@asynccontextmanager
async def desk(
    policy: RatePolicy = PUBCHEM, *, adaptive: bool = False, slow_days: SlowDays | None = None
) -> AsyncIterator[Desk]:
    """Run a limiter."""
    rate = None
    if adaptive:
        policy_limiter = IntelligentRateLimiter(5, HourTable(), guard_seconds=policy.guard_seconds)
        rate = AdaptiveRate(limiter=policy_limiter, local_time=lambda: AT, slow_days=slow_days)
    limiter = SharedRateLimiter(HOST, policy, [], rate=rate, clock=now, rng=random.Random(0))
    granting = asyncio.create_task(limiter.run())
    yield Desk(limiter)
    granting.cancel()


async def all_of(*waiting: Coroutine[Any, Any, Any]) -> None:
    await asyncio.gather(*waiting)


@on_virtual_time
async def test_a_look_up_overtakes_whatever_belongs_to_chunks() -> None:
    async with desk() as work:
        bulk = [work.send(f"chunk {n}") for n in range(20)]
        further = [work.send(f"further {n}", priority=Priority.CONTINUE) for n in range(3)]
        await all_of(*bulk, *further, work.send("look-up", priority=Priority.LOOK_UP))
    assert work.order[:4] == ["look-up", "further 0", "further 1", "further 2"]


@on_virtual_time
async def test_bulk_never_starves() -> None:
    """A chunk that has waited a minute goes before look-ups that come without an end."""

    async def look_ups(work: Desk) -> None:
        while "chunk" not in work.order:
            await asyncio.gather(*(work.send("look-up", priority=Priority.LOOK_UP) for _ in range(8)))

    async with desk() as work:
        await all_of(work.send("chunk"), *(look_ups(work) for _ in range(4)))
    waited = next(at for at, name in work.sent if name == "chunk")
    assert 55.0 < waited < 70.0
    assert len(work.sent) > 200


@on_virtual_time
async def test_endpoints_share_the_budget_of_their_host() -> None:
    async with desk() as work:
        await all_of(*(work.send(str(n), f"endpoint {n % 3}") for n in range(60)))
    times = [at for at, _ in work.sent]
    assert all(later - earlier >= 1.04 - 1e-6 for earlier, later in zip(times, times[5:], strict=False))
    assert {name: each.used for name, each in work.limiter.get_stats().endpoints.items()} == {
        f"endpoint {n}": 20 for n in range(3)
    }


@on_virtual_time
async def test_a_quota_used_up_closes_one_endpoint_and_leaves_the_others_open() -> None:
    async with desk() as work:
        permit = await work.send("first", "property")
        work.limiter.adjust_rate({"RateLimit": '"x";r=0;t=30'}, permit, AT)
        at = now()
        await all_of(work.send("held", "property"), *(work.send(f"other {n}", "synonyms") for n in range(10)))
    assert work.order[1:11] == [f"other {n}" for n in range(10)]
    assert work.sent[-1][0] == pytest.approx(at + 30.0, abs=1.5)


@on_virtual_time
@pytest.mark.parametrize("asked_before", [False, True])
async def test_who_waits_alone_for_a_closed_endpoint_is_served_when_it_opens(*, asked_before: bool) -> None:
    """Whether it was closed before or after they asked, and though nothing is leased for them meanwhile."""
    async with desk() as work:
        permit = await work.send("first")
        at = now()
        close = {"RateLimit": '"x";r=0;t=30'}
        if asked_before:
            held = asyncio.create_task(work.send("held"))
            await asyncio.sleep(0.1)
            work.limiter.adjust_rate(close, permit, AT)
            await held
        else:
            work.limiter.adjust_rate(close, permit, AT)
            await work.send("held")
    assert work.sent[-1][0] == pytest.approx(at + 30.0, abs=0.2)


@on_virtual_time
async def test_an_endpoint_that_opens_again_is_asked_though_permits_were_left_over_by_who_gave_up() -> None:
    async with desk() as work:
        permit = await work.send("first", "property")
        work.limiter.adjust_rate({"RateLimit": '"x";r=0;t=30'}, permit, AT)
        at = now()
        held = asyncio.create_task(work.send("held", "property"))
        gave_up = [asyncio.create_task(work.send("", "synonyms")) for _ in range(5)]
        await asyncio.sleep(0.01)
        for task in gave_up:
            task.cancel()
        await held
    assert work.order == ["first", "held"]
    assert work.sent[-1][0] == pytest.approx(at + 30.0, abs=0.1)


@on_virtual_time
async def test_a_window_that_a_header_announces_is_kept_and_one_above_the_policy_changes_nothing() -> None:
    async with desk() as work:
        permit = await work.send("first")
        work.limiter.adjust_rate({"RateLimit-Policy": '"x";q=1000;w=1'}, permit, AT)
        begun = now()
        await all_of(*(work.send(str(n)) for n in range(24)))
        assert now() - begun == pytest.approx(24 / 5 * 1.04, abs=0.5)
        work.limiter.adjust_rate({"RateLimit-Policy": '"x";q=2;w=1'}, permit, AT)
        begun = now()
        await all_of(*(work.send(str(n)) for n in range(24)))
        assert now() - begun == pytest.approx(24 / 2 * 1.04, abs=1.5)


@on_virtual_time
async def test_a_ceiling_set_at_run_time_holds_until_it_is_taken_away_and_raises_nothing() -> None:
    async with desk() as work:
        for ceiling, rate in ((1.0, 1.0), (1000.0, 5 / 1.04), (None, 5 / 1.04)):
            work.limiter.set_ceiling(ceiling)
            begun = now()
            await all_of(*(work.send(str(n)) for n in range(30)))
            assert 30 / (now() - begun) == pytest.approx(rate, rel=0.1)


@on_virtual_time
async def test_a_ceiling_holds_where_the_policy_has_no_limit() -> None:
    async with desk(RatePolicy()) as work:
        await all_of(*(work.send(str(n)) for n in range(50)))
        assert now() == 0.0
        work.limiter.set_ceiling(2.0)
        await all_of(*(work.send(str(n)) for n in range(20)))
        assert now() == pytest.approx(10.0)


@on_virtual_time
@pytest.mark.parametrize(("weekday", "rate"), [(AT.weekday(), 0.5), (AT.weekday() + 1, 5 / 1.04)])
async def test_a_slow_day_of_the_source_has_a_rate_of_its_own(weekday: int, rate: float) -> None:
    """The other days have none."""
    slow_days = SlowDays(weekdays=frozenset({weekday}), requests_per_second=0.5)
    async with desk(adaptive=True, slow_days=slow_days) as work:
        await all_of(*(work.send(str(n)) for n in range(40)))
        assert 40 / now() == pytest.approx(rate, rel=0.15)


@on_virtual_time
async def test_a_header_that_says_the_quota_was_cut_lowers_the_rate_before_any_refusal() -> None:
    """Every answer says twice as large a part of the quota as before."""
    async with desk(adaptive=True) as work:
        factor = 1.0

        async def ask() -> None:
            permit = await work.send("")
            minute = work.limiter.get_stats().use.counts[1]
            text = f"Request Count status: Green ({round(100 * factor * minute / 400)}%)"
            work.limiter.adjust_rate({"X-Throttling-Control": text}, permit, AT)

        for _ in range(900):
            await ask()
        assert work.limiter.get_stats().decision is not None
        before = now()
        factor = 2.5
        for _ in range(60):
            await ask()
        stats = work.limiter.get_stats()
        assert stats.decision is not None
        assert (stats.decision.rate, stats.decision.reason.value) == (2, "header")
        assert now() - before < 40.0


@on_virtual_time
async def test_after_a_block_one_request_tells_whether_it_is_over() -> None:
    async with desk() as work:
        permit = await work.limiter.wait("property")
        work.limiter.throttled(permit, Refusal(sent_at=now(), retry_after_seconds=30.0, blocked=True))
        work.limiter.settle(permit, 0.1)
        assert work.limiter.get_stats().is_blocked
        blocked_at = now()
        waiting = [asyncio.create_task(work.limiter.wait("property")) for _ in range(4)]
        await asyncio.sleep(60.0)
        [first] = [task.result() for task in waiting if task.done()]
        assert first.granted_at >= blocked_at + 30.0
        work.limiter.settle(first, 0.1)
        work.limiter.accepted(first, first.granted_at)
        await asyncio.gather(*waiting)
        assert not work.limiter.get_stats().is_blocked


@pytest.mark.parametrize("seed", range(4))
def test_cancelled_waits_leak_no_permit(seed: int) -> None:
    """Whoever is cancelled, waiting or at the moment of the grant, everything goes on as if they had never asked."""
    rng = random.Random(seed)

    async def ask(work: Desk) -> None:
        permit = await work.limiter.wait(rng.choice(["a", "b"]), rng.choice(list(Priority)))
        work.sent.append((now(), ""))
        work.limiter.settle(permit, 0.1)

    @on_virtual_time
    async def play() -> None:
        policy = RatePolicy(counts=(CountWindow(limit=50, seconds=1.0),), tolerance_seconds=0.02)
        async with desk(policy) as work:
            for _ in range(500):
                tasks = [asyncio.create_task(ask(work)) for _ in range(rng.randrange(1, 4))]
                await asyncio.sleep(rng.choice([0.0, 0.0, 0.005, 0.02, 0.021, 0.1]))
                for task in tasks:
                    if rng.random() < 0.6:
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            stats = work.limiter.get_stats()
            assert work.limiter._ledger.in_use == 0
            assert stats.used == len(work.sent)
            await asyncio.sleep(2.0)
            begun = now()
            await all_of(*(work.send(str(n)) for n in range(100)))
            assert now() - begun < 2.3, "the whole rate is there"

    play()


@pytest.mark.parametrize("seed", range(8))
def test_everybody_is_served_whatever_closes_blocks_or_gives_up(seed: int) -> None:
    """Time that stands still while somebody waits is an error of the loop."""
    rng = random.Random(seed)

    async def ask(work: Desk) -> None:
        permit = await work.limiter.wait(rng.choice("abc"), rng.choice(list(Priority)))
        try:
            await asyncio.sleep(rng.uniform(0.0, 0.5))
            match rng.randrange(10):
                case 0 | 1 | 2:
                    quota = f'"x";r={rng.randrange(3)};t={rng.choice([1, 5, 30])}'
                    work.limiter.adjust_rate({"RateLimit": quota}, permit, AT)
                case 3:
                    seconds = rng.choice([None, 3.0])
                    refusal = Refusal(sent_at=now(), retry_after_seconds=seconds, blocked=rng.random() < 0.5)
                    work.limiter.throttled(permit, refusal)
                case 4 | 5 | 6:
                    work.limiter.accepted(permit, now())
        finally:
            work.limiter.settle(permit, 0.1)

    @on_virtual_time
    async def play() -> None:
        async with desk(adaptive=True) as work:
            ended: list[BaseException | None] = []
            for _ in range(200):
                few = [asyncio.create_task(ask(work)) for _ in range(rng.randrange(1, 5))]
                await asyncio.sleep(rng.choice([0.0, 0.1, 1.0]))
                for task in few:
                    if rng.random() < 0.3:
                        task.cancel()
                ended += await asyncio.gather(*few, return_exceptions=True)
        assert {type(each) for each in ended} == {type(None), asyncio.CancelledError}

    play()


class FarStore(MemoryBudgetStore):
    """A database that is 150 ms away: three statements before the plan, two and the pool's own after it."""

    @asynccontextmanager
    async def transaction(self, host: str) -> AsyncIterator[MemoryBudget]:
        async with super().transaction(host) as budget:
            await asyncio.sleep(3 * 0.15)
            yield budget
            await asyncio.sleep(3 * 0.15)


@on_virtual_time
async def test_a_store_far_away_costs_hardly_any_of_the_rate() -> None:
    limiter = SharedRateLimiter(HOST, PUBCHEM, [FarStore()], clock=now, rng=random.Random(0))
    granting = asyncio.create_task(limiter.run())
    sent: list[float] = []

    async def work() -> None:
        while now() < 120.0:
            permit = await limiter.wait("property")
            sent.append(now())
            await asyncio.sleep(0.3)
            limiter.settle(permit, 0.3)

    await all_of(*(work() for _ in range(8)))
    granting.cancel()
    counted = [at for at in sent if 10.0 <= at < 110.0]
    assert len(counted) / 100.0 >= 0.95 * 5
    assert all(later - earlier >= 1.04 - 1e-6 for earlier, later in zip(sent, sent[5:], strict=False))


@on_virtual_time
async def test_two_limiters_on_one_store_share_one_budget() -> None:
    """And what one gave back the other can use."""
    store = MemoryBudgetStore()
    limiters = [SharedRateLimiter(HOST, PUBCHEM, [store], clock=now, rng=random.Random(n)) for n in range(2)]
    works = [Desk(limiter) for limiter in limiters]
    granting = [asyncio.create_task(limiter.run()) for limiter in limiters]
    await all_of(*(work.send(str(n)) for work in works for n in range(60)))
    times = sorted(at for work in works for at, _ in work.sent)
    assert all(later - earlier >= 1.04 - 1e-6 for earlier, later in zip(times, times[5:], strict=False))
    for task in granting:
        task.cancel()
