"""The permits that all workers share.

The permit log decides when a request may go out, within the rate that the answers so far make advisable; this
module waits for that moment.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import count

from cryoasync.control.budget_store import BudgetStore
from cryoasync.control.hour_table import HourSlot, slot_of
from cryoasync.control.intelligent_rate_limiter import IntelligentRateLimiter, RateDecision
from cryoasync.control.permit_ledger import LEASE_AHEAD_SECONDS, Permit, PermitLedger, Slot, nanoseconds
from cryoasync.control.permit_log import BudgetUse
from cryoasync.control.rate_policy import NANOSECONDS, RatePolicy
from cryoasync.control.throttle import Refusal, ThrottleBackoff
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.ports import Clock

LEASE_AT_MOST = 5
LEASE_AGAIN_AT = 2
STORE_RETRY_SECONDS = 1.0
CLOCK_RESOLUTION_SECONDS = 1e-6
"""A slot this near is due: a timer may fire a rounding error early, and waiting for the rest would spin."""


class Priority(Enum):
    """How many seconds a request lets others go first; the one whose time is up soonest is next.

    So a request that may wait long is overtaken by what is more urgent, but never for longer than its seconds.
    """

    BEGIN = 60.0
    """The first request of a chunk."""
    CONTINUE = 5.0
    """A further request of a chunk: once it is answered, the chunk can be saved."""
    RESUME = -3600.0
    """A request whose connection was gone when its turn came: it goes first, or its next one would be gone too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStatistics:
    """What the limiter did: permits used and wasted, refusals by the host, and how long workers waited.

    ``decision`` is the rate in force below the policy's, where one is inferred.
    """

    granted: int
    wasted: int
    throttled: int
    waited_seconds: float
    held_seconds: float
    use: BudgetUse
    decision: RateDecision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveRate:
    """The rate that answers make advisable, and the time of day at the source, by which it is learned."""

    limiter: IntelligentRateLimiter
    local_time: Callable[[], datetime]


@dataclass(slots=True, order=True)
class _Waiter:
    """Somebody who waits for a permit, in the order in which they get one."""

    deadline: float
    number: int
    future: asyncio.Future[Permit] = field(compare=False)


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
        self._policy = policy
        self._rate = rate
        self._clock = clock
        self._ledger = PermitLedger(host, policy, stores, clock=clock, rng=rng)
        self._backoff = ThrottleBackoff(rng)
        self._waiters: list[_Waiter] = []
        self._waiter_numbers = count()
        self._slots: deque[Slot] = deque()
        self._hold_until = 0.0
        self._probe_wanted = False
        self._probe: int | None = None
        self._hour: HourSlot | None = None
        self._lease_wanted = asyncio.Event()
        self._dispatch_wanted = asyncio.Event()
        self._granted = self._wasted = self._throttled = 0
        self._waited_seconds = 0.0

    async def wait(self, priority: Priority = Priority.BEGIN) -> Permit:
        """Return a permit to send one request at once.

        A cancelled wait leaves nothing behind: a permit granted in that moment is given back.
        """
        if self._policy.is_unlimited:
            while (held_seconds := self._hold_until - self._clock()) > 0:  # noqa: ASYNC110 - it may grow meanwhile
                await asyncio.sleep(held_seconds)
            self._granted += 1
            return Permit(0, self._clock(), 0.0)
        asked_at = self._clock()
        while True:
            permit = await self._next_grant(asked_at + priority.value)
            now = self._clock()
            if now <= permit.granted_at + self._policy.tolerance_seconds:
                self._granted += 1
                self._waited_seconds += now - asked_at
                self._ledger.use(permit)
                if self._rate is not None:
                    permit.sending = self._rate.limiter.sent(now)
                return permit
            self._give_back(permit)

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Account for the answer to a request, which took the server about ``running_seconds``."""
        if self._policy.is_unlimited:
            return
        self._ledger.settle(permit, running_seconds)
        self._end_probe(permit, answered=True)

    def release(self, permit: Permit) -> None:
        """Give back a permit whose request never went out."""
        if self._policy.is_unlimited:
            return
        self.unanswered(permit)
        self._give_back(permit)

    def throttled(self, permit: Permit | None, refusal: Refusal) -> float:
        """Slow down because of a refusal; return the seconds until requests go out again.

        The host is left alone for as long as it asks. After a block one single request goes out, and the others
        wait for its answer.
        """
        self._throttled += 1
        now = self._clock()
        if self._rate is not None and permit is not None and permit.sending is not None:
            if refusal.blocked:
                self._rate.limiter.lost(permit.sending)
            else:
                self._rate.limiter.refused(permit.sending, now, refusal.retry_after_seconds)
            self._give_back_leases()
            if not refusal.blocked and refusal.retry_after_seconds is None:
                # The rate is lower now, which is all that such a refusal asks for.
                return max(0.0, self._hold_until - now)
        hold = self._backoff.refused(refusal, now)
        if hold is not None:
            self._hold_until = max(self._hold_until, now + hold)
            self._probe_wanted, self._probe = refusal.blocked, None
            self._give_back_leases()
        return max(0.0, self._hold_until - now)

    def accepted(self, permit: Permit | None, sent_at: float) -> None:
        """Learn of a good answer to a request sent at ``sent_at``, which also ends a row of refusals."""
        self._backoff.accepted(sent_at)
        self.let_in(permit)

    def let_in(self, permit: Permit | None) -> None:
        """Learn that the host let a request in, whatever came of it."""
        if self._rate is not None and permit is not None and permit.sending is not None:
            before = self._rate.limiter.decision(now := self._clock()).rate
            self._rate.limiter.accepted(permit.sending, now)
            if self._rate.limiter.decision(now).rate < before:
                self._give_back_leases()

    def unanswered(self, permit: Permit | None) -> None:
        """Note that nothing was heard of whether the host let a request in."""
        if self._rate is not None and permit is not None and permit.sending is not None:
            self._rate.limiter.lost(permit.sending)

    def statistics(self) -> RateStatistics:
        """Return what the limiter did so far."""
        now = self._clock()
        return RateStatistics(
            granted=self._granted,
            wasted=self._wasted,
            throttled=self._throttled,
            waited_seconds=self._waited_seconds,
            held_seconds=max(0.0, self._hold_until - now),
            use=self._ledger.budget_use(),
            decision=None if self._rate is None else self._rate.limiter.decision(now),
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
            tasks.create_task(self._lease_ahead(), name="permit-lease")
            tasks.create_task(self._dispatch(), name="permit-dispatch")

    async def _next_grant(self, deadline: float) -> Permit:
        future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, _Waiter(deadline, next(self._waiter_numbers), future))
        self._notify()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give_back(future.result())
            raise

    def _give_back(self, permit: Permit) -> None:
        self._ledger.void(permit.number)
        self._wasted += 1
        self._end_probe(permit, answered=False)

    def _give_back_leases(self) -> None:
        """Take back what was leased ahead under other circumstances."""
        for slot in self._slots:
            self._ledger.void(slot.number)
        self._slots.clear()
        self._notify()

    def _end_probe(self, permit: Permit, *, answered: bool) -> None:
        """Let the others go once the single request is answered; where it never went out, wait for another."""
        if self._probe == permit.number:
            self._probe_wanted, self._probe = not answered, None
            self._notify()

    def _notify(self) -> None:
        self._lease_wanted.set()
        self._dispatch_wanted.set()

    async def _dispatch(self) -> None:
        """Hand each slot, when its moment has come, to the waiter who is next."""
        while True:
            self._dispatch_wanted.clear()
            delay = self._grant_or_delay()
            if delay is None or delay > 0:
                await _wait(self._dispatch_wanted, delay)

    def _grant_or_delay(self) -> float | None:
        """Grant the first slot if it is due; else return the seconds until it is, or ``None`` for no slot."""
        while self._waiters and self._waiters[0].future.done():
            heapq.heappop(self._waiters)
        if not self._waiters or not self._slots or self._probe is not None:
            return None
        slot = self._slots[0]
        due, now = slot.at / NANOSECONDS, self._clock()
        if due - now > CLOCK_RESOLUTION_SECONDS:
            return due - now
        self._slots.popleft()
        self._lease_wanted.set()
        if now > due + self._policy.tolerance_seconds:
            self._ledger.void(slot.number)
            self._wasted += 1
            return 0.0
        if self._probe_wanted:
            self._probe = slot.number
        permit = Permit(slot.number, due, self._ledger.expected_seconds)
        heapq.heappop(self._waiters).future.set_result(permit)
        return 0.0

    async def _lease_ahead(self) -> None:
        """Keep as many slots leased as workers wait for, and not more than a second ahead."""
        while True:
            self._lease_wanted.clear()
            wanted = min(LEASE_AT_MOST, sum(not waiter.future.done() for waiter in self._waiters)) - len(
                self._slots
            )
            if wanted <= 0 or len(self._slots) > LEASE_AGAIN_AT:
                await _wait(self._lease_wanted, None)
                continue
            before = len(self._slots)
            try:
                next_slot = await self._lease(wanted)
            except DatabaseUnavailableError:
                # Whoever commits decides when the patience is over; without a budget nothing goes out meanwhile.
                await asyncio.sleep(STORE_RETRY_SECONDS)
                continue
            self._dispatch_wanted.set()
            if len(self._slots) < before + wanted:
                await _wait(self._lease_wanted, next_slot - self._clock() - LEASE_AHEAD_SECONDS / 2)

    async def _lease(self, wanted: int) -> float:
        """Lease up to ``wanted`` slots, and return the first moment that is still free."""
        slots, next_slot = await self._ledger.lease(wanted, self._policy_in_force(), self._hold_until)
        for slot in slots:
            # A refusal may have been met meanwhile.
            if slot.at < nanoseconds(self._hold_until):
                self._ledger.void(slot.number)
            else:
                self._slots.append(slot)
        return next_slot

    def _policy_in_force(self) -> RatePolicy:
        """Return the policy, lowered to the rate that is advisable now."""
        if self._rate is None:
            return self._policy
        now, hour = self._clock(), slot_of(self._rate.local_time())
        if hour != self._hour:
            self._hour = hour
            self._rate.limiter.enter_hour(hour, now)
        return self._policy.limited_to(self._rate.limiter.decision(now).rate)


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Return when ``event`` is set, or after ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
