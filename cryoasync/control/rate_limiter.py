"""The permits that all workers share.

The permit log decides when a request may go out, within the rate that the answers so far make advisable; this
module waits for that moment, and hands it to who is next.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from cryoasync.control.budget_store import BudgetStore
from cryoasync.control.cautious_pace import CautiousPace
from cryoasync.control.header_limits import HeaderLimits
from cryoasync.control.hour_table import HourSlot, slot_of
from cryoasync.control.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.permit_leases import Demand, PermitLeases, wait_for
from cryoasync.control.permit_ledger import Permit, PermitLedger
from cryoasync.control.permit_queue import PermitQueue, Priority, Waiter
from cryoasync.control.rate_headers import RateAdvice, read_rate_headers
from cryoasync.control.rate_policy import NANOSECONDS, CountWindow, RatePolicy
from cryoasync.control.rate_statistics import EndpointPermits, RateStatistics
from cryoasync.control.slow_days import SlowDays
from cryoasync.control.throttle import Refusal, ThrottleBackoff
from cryoasync.control.throttling_header import WorstOfAMinute
from cryoasync.ports import Clock

RATIO_SECONDS = 1.0
"""How often what the source says is used is compared with our own count."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveRate:
    """The rate that answers make advisable, and the time of day at the source, by which it is learned.

    ``cautious`` is a pace of its own that is not exceeded, where one was asked for; ``slow_days`` are those of the
    source.
    """

    limiter: IntelligentRateLimiter
    local_time: Callable[[], datetime]
    cautious: CautiousPace | None = None
    slow_days: SlowDays | None = None


class SharedRateLimiter:
    """Grants permits under a policy, in the order of their priorities.

    ``run`` must be running for anybody to get a permit, unless the policy is unlimited.
    """

    def __init__(
        self,
        host: str,
        policy: RatePolicy,
        stores: Sequence[BudgetStore],
        *,
        rate: AdaptiveRate | None = None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Share the budget of ``host`` with every process that uses one of ``stores``.

        Without ``rate`` the policy's own rate is used whatever the host says, but for what it asks to wait.
        """
        self._host = host
        self._policy = policy
        self._rate = rate
        self._clock = clock
        self._ledger = PermitLedger(host, policy, stores, clock=clock, rng=rng)
        self._leases = PermitLeases(self._ledger, self._demand, policy.tolerance_seconds, clock=clock)
        self._backoff = ThrottleBackoff(rng)
        self._queue = PermitQueue()
        self._headers = HeaderLimits()
        self._said = WorstOfAMinute()
        self._ratio_at = 0.0
        self._ceiling: float | None = None
        self._hold_until = 0.0
        self._is_blocked = False
        self._probe_wanted = False
        self._probe: int | None = None
        self._hour: HourSlot | None = None
        self._limits: tuple[object, ...] = ()
        self._in_force = policy
        self._endpoints: defaultdict[str, EndpointPermits] = defaultdict(EndpointPermits)
        self._waited_seconds = 0.0
        self._used_at = float("-inf")

    async def wait(self, endpoint: str, priority: Priority = Priority.BEGIN) -> Permit:
        """Return a permit to send one request to ``endpoint`` at once.

        All endpoints share the host's budget. A cancelled wait leaves nothing behind: a permit granted in that
        moment is given back.
        """
        asked_at = self._clock()
        if self._policy.is_unlimited:
            while (open_at := self._open_at(endpoint)) > (now := self._clock()):  # noqa: ASYNC110 - it may grow
                await asyncio.sleep(open_at - now)
            return self._used(Permit(0, self._clock(), 0.0, endpoint), asked_at)
        while True:
            permit = await self._next_grant(endpoint, asked_at + priority.value)
            if self._clock() <= permit.granted_at + self._policy.tolerance_seconds:
                self._ledger.use(permit)
                return self._used(permit, asked_at)
            self._give_back(permit)

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Account for the answer to a request, which took the server about ``running_seconds``."""
        if self._policy.is_unlimited:
            return
        self._ledger.settle(permit, running_seconds)
        self._end_probe(permit, answered=True)

    def release(self, permit: Permit) -> None:
        """Give back a permit whose request never went out."""
        self._endpoints[permit.endpoint].used -= 1
        if self._policy.is_unlimited:
            return
        self.unanswered(permit)
        self._give_back(permit)

    def adjust_rate(
        self, headers: Mapping[str, str], permit: Permit | None, answered_at: datetime
    ) -> RateAdvice:
        """Slow down as the headers of an answer ask, and return what they say.

        Headers never raise the rate above the policy or above what is believed of the source.
        ``Retry-After`` is for a refusal, and acted on in :meth:`throttled`; until then quotas go after it.
        """
        advice, now = read_rate_headers(headers, answered_at), self._clock()
        is_tighter = self._headers.announce(advice.windows, now)
        if permit is not None and advice.retry_after_seconds is None:
            is_tighter |= self._headers.take(permit.endpoint, permit.sequence, advice.quotas, now)
        if is_tighter:
            self._leases.give_back()
        if advice.throttling is not None:
            self._said.add(advice.throttling.percents, now)
            self._compare_uses(now)
        return advice

    def throttled(self, permit: Permit | None, refusal: Refusal) -> float:
        """Slow down because of a refusal; return the seconds until requests go out again.

        The host is left alone for as long as it asks. After a block one single request goes out, and the others
        wait for its answer.
        """
        now = self._clock()
        if permit is not None:
            self._endpoints[permit.endpoint].refused += 1
        if self._rate is not None and permit is not None and permit.sending is not None:
            if self._rate.cautious is not None:
                self._rate.cautious.refused(refusal.sent_at, now)
            if refusal.blocked:
                self._rate.limiter.lost(permit.sending)
            else:
                self._rate.limiter.refused(permit.sending, now, refusal.retry_after_seconds)
            self._leases.give_back()
            if not refusal.blocked and refusal.retry_after_seconds is None:
                # The rate is lower now, which is all that such a refusal asks for.
                return max(0.0, self._hold_until - now)
        hold = self._backoff.refused(refusal, now)
        if hold is not None:
            self._hold(hold, refusal, now)
        return max(0.0, self._hold_until - now)

    def accepted(self, permit: Permit | None, sent_at: float) -> None:
        """Learn of a good answer to a request sent at ``sent_at``, which also ends a row of refusals."""
        self._backoff.accepted(sent_at)
        self._is_blocked = False
        self.let_in(permit)

    def let_in(self, permit: Permit | None) -> None:
        """Learn that the host let a request in, whatever came of it."""
        if self._rate is None or permit is None or permit.sending is None:
            return
        if self._rate.cautious is not None:
            self._rate.cautious.accepted()
        before = self._rate.limiter.decision(now := self._clock()).rate
        self._rate.limiter.accepted(permit.sending, now)
        if self._rate.limiter.decision(now).rate < before:
            self._leases.give_back()

    def unanswered(self, permit: Permit | None) -> None:
        """Note that nothing was heard of whether the host let a request in."""
        if self._rate is not None and permit is not None and permit.sending is not None:
            self._rate.limiter.lost(permit.sending)

    def set_ceiling(self, requests_per_second: float | None) -> None:
        """Let no more go out than so many a second from now on; it never raises what the policy allows."""
        self._ceiling = requests_per_second
        self._leases.give_back()

    @property
    def requests_per_second(self) -> float:
        """How many requests go out in a second at the moment; infinite where nothing limits them."""
        return self._policy_in_force().requests_per_second

    def get_stats(self) -> RateStatistics:
        """Return what the limiter did so far, and how it stands."""
        now = self._clock()
        adaptive = None if self._rate is None else self._rate.limiter
        return RateStatistics(
            endpoints=dict(self._endpoints),
            expired=self._leases.expired,
            waited_seconds=self._waited_seconds,
            held_seconds=max(0.0, self._hold_until - now),
            is_blocked=self._is_blocked,
            use=self._policy.own_part(self._ledger.budget_use()),
            ceiling=self._ceiling,
            said=self._said.percents(now),
            pace=self._pace(),
            minute_limit=None if adaptive is None else adaptive.minute_limit(now),
            decision=None if adaptive is None else adaptive.decision(now),
            decisions=() if adaptive is None else tuple(adaptive.decisions),
        )

    async def run(self) -> None:
        """Grant permits until cancelled.

        While a budget store is out of reach no permit is granted.

        Raises:
            DatabaseError: a budget store refuses for a reason that waiting does not mend.
        """
        if self._policy.is_unlimited:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._leases.keep(), name="permit-lease")
            tasks.create_task(self._dispatch(), name="permit-dispatch")

    async def _next_grant(self, endpoint: str, deadline: float) -> Permit:
        waiter = self._queue.add(endpoint, deadline)
        self._notify()
        try:
            return await waiter.permit
        except asyncio.CancelledError:
            if waiter.permit.cancelled():
                self._queue.give_up(waiter)
            else:
                self._give_back(waiter.permit.result())
            raise

    def _used(self, permit: Permit, asked_at: float) -> Permit:
        """Count a permit that is used now."""
        now = self._clock()
        self._endpoints[permit.endpoint].used += 1
        self._waited_seconds += now - asked_at
        self._used_at = now
        permit.sequence = self._headers.sent(permit.endpoint)
        if self._rate is not None:
            permit.sending = self._rate.limiter.sent(now)
        return permit

    def _give_back(self, permit: Permit) -> None:
        self._ledger.void(permit.number)
        self._endpoints[permit.endpoint].wasted += 1
        self._end_probe(permit, answered=False)

    def _hold(self, seconds: float, refusal: Refusal, now: float) -> None:
        """Leave the host alone; after a block one single request tells whether it is over."""
        self._hold_until = max(self._hold_until, now + seconds)
        self._is_blocked = self._probe_wanted = refusal.blocked
        self._probe = None
        self._leases.give_back()
        if refusal.blocked:
            _log.warning(
                "address blocked by the source", host=self._host, left_alone_seconds=round(seconds, 1)
            )

    def _end_probe(self, permit: Permit, *, answered: bool) -> None:
        """Let the others go once the single request is answered; where it never went out, wait for another."""
        if self._probe == permit.number:
            self._probe_wanted, self._probe = not answered, None
            self._notify()

    def _notify(self) -> None:
        self._leases.wanted.set()
        self._leases.leased.set()

    async def _dispatch(self) -> None:
        """Hand each slot, when its moment has come, to the waiter who is next."""
        while True:
            self._leases.leased.clear()
            waiter = None if self._probe is not None else self._queue.next(self._is_open)
            delay = None if waiter is None else self._leases.seconds_until_due()
            if waiter is None or delay is None or delay > 0:
                await wait_for(self._leases.leased, delay)
            else:
                self._grant(waiter)

    def _grant(self, waiter: Waiter) -> None:
        slot = self._leases.take()
        if self._probe_wanted:
            self._probe = slot.number
        due = slot.at / NANOSECONDS
        permit = Permit(slot.number, due, self._ledger.expected_seconds, waiter.endpoint)
        self._queue.grant(waiter, permit)

    def _open_at(self, endpoint: str) -> float:
        """Return the moment from which on ``endpoint`` may be asked, the policy left out."""
        now = self._clock()
        paced_at = now if self._ceiling is None else self._used_at + 1 / self._ceiling
        return max(self._hold_until, paced_at, self._headers.closed_until(endpoint, now))

    def _is_open(self, endpoint: str) -> bool:
        now = self._clock()
        return self._headers.closed_until(endpoint, now) <= now

    def _demand(self) -> Demand:
        """Return what there is to lease for."""
        closed = [self._open_at(each) for each in self._queue.endpoints() if not self._is_open(each)]
        return Demand(
            waiting=self._queue.waiting(self._is_open),
            policy=self._policy_in_force(),
            hold_until=self._hold_until,
            changes_at=min(closed, default=None),
        )

    def _policy_in_force(self) -> RatePolicy:
        """Return the policy, lowered to the rate that is advisable now."""
        now, rate = self._clock(), self._rate
        windows, slowest = self._headers.windows(now), [self._ceiling]
        if rate is None:
            return self._lowered((windows, tuple(slowest), None, None))
        local = rate.local_time()
        if (hour := slot_of(local)) != self._hour:
            self._hour = hour
            rate.limiter.enter_hour(hour, now)
        if rate.cautious is not None:
            slowest.append(rate.cautious.requests_per_second(local))
        if rate.slow_days is not None:
            slowest.append(rate.slow_days.ceiling(local))
        decided = rate.limiter.decision(now).rate, rate.limiter.minute_limit(now)
        return self._lowered((windows, tuple(slowest), *decided))

    def _lowered(
        self, limits: tuple[tuple[CountWindow, ...], tuple[float | None, ...], int | None, int | None]
    ) -> RatePolicy:
        """Return the policy under further windows, ceilings, and requests of a second and of a minute."""
        if limits != self._limits:
            windows, ceilings, in_a_second, in_a_minute = self._limits = limits
            policy = self._policy.with_windows(windows).limited_in_a_minute(in_a_minute)
            for ceiling in ceilings:
                policy = policy.lowered_to(ceiling)
            self._in_force = policy if in_a_second is None else policy.limited_to(in_a_second)
        return self._in_force

    def _pace(self) -> str | None:
        rate = self._rate
        return None if rate is None or rate.cautious is None else rate.cautious.name(rate.local_time())

    def _compare_uses(self, now: float) -> None:
        """Compare what the source says is used with our own count, of all processes that share the budget."""
        if self._rate is None or now < self._ratio_at + RATIO_SECONDS:
            return
        self._ratio_at = now
        before = self._rate.limiter.decision(now).rate
        own = self._policy.percents_of_a_minute(self._ledger.budget_use())
        self._rate.limiter.adjust_for_headers(self._said.percents(now), own, now)
        if self._rate.limiter.decision(now).rate < before:
            self._leases.give_back()
