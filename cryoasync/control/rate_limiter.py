"""The permits that all workers share.

The permit log decides when a request may go out; this module waits for that moment. Permits are leased ahead
from the budget stores, at most a second's worth, before they are used: a process killed between a lease and a
send leaves the policy kept, and a database far away costs no throughput.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from cryoasync.control.budget_store import BudgetStore, BudgetTransaction
from cryoasync.control.permit_log import BudgetUse, PermitLog
from cryoasync.control.rate_policy import NANOSECONDS, RatePolicy
from cryoasync.control.running_time import RunningTimeEstimate
from cryoasync.control.throttle import Refusal, ThrottleBackoff
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.ports import Clock

LEASE_AHEAD_SECONDS = 1.0
LEASE_AT_MOST = 5
LEASE_AGAIN_AT = 2
FIRST_LEAD_SECONDS = 0.005
PERMIT_NUMBER_BITS = 63
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


@dataclass(slots=True, eq=False)
class Permit:
    """The right to send one request now; used at once, or given back."""

    number: int
    granted_at: float
    reserved_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStatistics:
    """What the limiter did: permits used and wasted, refusals by the host, and how long workers waited."""

    granted: int
    wasted: int
    throttled: int
    waited_seconds: float
    held_seconds: float
    use: BudgetUse


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
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Share the budget of ``host`` with every process that uses one of ``stores``."""
        self._host = host
        self._policy = policy
        self._stores = stores
        self._clock = clock
        self._rng = rng
        self._log = PermitLog(policy)
        self._backoff = ThrottleBackoff(rng)
        self._estimate = RunningTimeEstimate()
        self._waiters: list[_Waiter] = []
        self._waiter_numbers = count()
        self._slots: deque[tuple[int, float]] = deque()
        self._in_use: dict[int, Permit] = {}
        self._voided: list[int] = []
        self._settled: dict[int, float] = {}
        self._hold_until = 0.0
        self._probe_wanted = False
        self._probe: int | None = None
        self._lead_seconds = FIRST_LEAD_SECONDS
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
                self._in_use[permit.number] = permit
                return permit
            self._give_back(permit)

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Account for the answer to a request, which took the server about ``running_seconds``."""
        if self._policy.is_unlimited:
            return
        self._in_use.pop(permit.number, None)
        self._settled[permit.number] = running_seconds
        self._estimate.add(running_seconds)
        self._end_probe(permit, answered=True)

    def release(self, permit: Permit) -> None:
        """Give back a permit whose request never went out."""
        if self._policy.is_unlimited:
            return
        self._in_use.pop(permit.number, None)
        self._give_back(permit)

    def throttled(self, refusal: Refusal) -> float:
        """Leave the host alone for as long as ``refusal`` asks; return the seconds until requests go out again.

        After a block one single request goes out, and the others wait for its answer.
        """
        self._throttled += 1
        now = self._clock()
        hold = self._backoff.refused(refusal, now)
        if hold is not None:
            self._hold_until = max(self._hold_until, now + hold)
            self._probe_wanted, self._probe = refusal.blocked, None
            self._voided.extend(number for number, _ in self._slots)
            self._slots.clear()
            self._notify()
        return max(0.0, self._hold_until - now)

    def accepted(self, sent_at: float) -> None:
        """Forget earlier refusals: a request sent at ``sent_at`` got a good answer."""
        self._backoff.accepted(sent_at)

    def statistics(self) -> RateStatistics:
        """Return what the limiter did so far."""
        now = self._clock()
        return RateStatistics(
            granted=self._granted,
            wasted=self._wasted,
            throttled=self._throttled,
            waited_seconds=self._waited_seconds,
            held_seconds=max(0.0, self._hold_until - now),
            use=self._log.use(_nanoseconds(now)),
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
        self._voided.append(permit.number)
        self._wasted += 1
        self._end_probe(permit, answered=False)

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
        number, slot = self._slots[0]
        now = self._clock()
        if slot - now > CLOCK_RESOLUTION_SECONDS:
            return slot - now
        self._slots.popleft()
        self._lease_wanted.set()
        if now > slot + self._policy.tolerance_seconds:
            self._voided.append(number)
            self._wasted += 1
            return 0.0
        if self._probe_wanted:
            self._probe = number
        heapq.heappop(self._waiters).future.set_result(Permit(number, slot, self._estimate.seconds))
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

    async def _lease(self, count: int) -> float:
        """Reserve up to ``count`` slots in every store, and return the first moment that is still free."""
        voided, settled = tuple(self._voided), dict(self._settled)
        async with AsyncExitStack() as stack:
            stored = [
                await stack.enter_async_context(store.transaction(self._host)) for store in self._stores
            ]
            planned_at = self._clock()
            logs = [self._read(transaction, planned_at) for transaction in stored] or [self._log]
            for log in logs:
                self._bring_up_to_date(log, voided, settled, planned_at)
            slots, next_slot = self._reserve(logs, count, planned_at)
            for transaction, log in zip(stored, logs, strict=False):
                transaction.replace(log.dump(transaction.shift))
        self._log = logs[-1]
        del self._voided[: len(voided)]
        for number in settled:
            del self._settled[number]
        self._lead_seconds = max(FIRST_LEAD_SECONDS, 0.9 * self._lead_seconds, self._clock() - planned_at)
        self._take(slots)
        return next_slot

    def _read(self, transaction: BudgetTransaction, now: float) -> PermitLog:
        """Return the stored log; one that cannot be read is taken for one with a permit just used in each window."""
        try:
            return PermitLog.load(self._policy, transaction.log, transaction.shift)
        except ValueError:
            log = PermitLog(self._policy)
            log.hold(_nanoseconds(now + self._policy.horizon_seconds))
            return log

    def _bring_up_to_date(
        self, log: PermitLog, voided: Sequence[int], settled: Mapping[int, float], now: float
    ) -> None:
        """Tell ``log`` what happened since the last lease; a request still out counts for as long as it is out."""
        for number in voided:
            log.void(number)
        for number, seconds in settled.items():
            log.settle(number, _nanoseconds(seconds))
        for permit in self._in_use.values():
            if now - permit.granted_at > permit.reserved_seconds:
                log.settle(permit.number, _nanoseconds(now - permit.granted_at))
        log.hold(_nanoseconds(self._hold_until))
        log.forget(_nanoseconds(now))

    def _reserve(
        self, logs: Sequence[PermitLog], count: int, now: float
    ) -> tuple[list[tuple[int, int]], float]:
        """Reserve slots that every log agrees to, none more than a second ahead; return them and the next free one."""
        running = _nanoseconds(self._estimate.seconds)
        slot = _nanoseconds(now + self._lead_seconds)
        horizon = slot + _nanoseconds(LEASE_AHEAD_SECONDS)
        slots: list[tuple[int, int]] = []
        while True:
            while (agreed := max(log.earliest(slot, running) for log in logs)) > slot:
                slot = agreed
            if len(slots) == count or slot > horizon:
                return slots, slot / NANOSECONDS
            number = self._rng.getrandbits(PERMIT_NUMBER_BITS)
            for log in logs:
                log.reserve(number, slot, running)
            slots.append((number, slot))

    def _take(self, slots: Sequence[tuple[int, int]]) -> None:
        """Keep the leased slots, but for those that a refusal met meanwhile forbids."""
        for number, slot in slots:
            if slot < _nanoseconds(self._hold_until):
                self._voided.append(number)
            else:
                self._slots.append((number, slot / NANOSECONDS))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Return when ``event`` is set, or after ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
