"""The permits of one process: leased ahead from the budget stores, used, settled or taken back.

They are leased before they are used, a second's worth ahead, and more where a store is far: a process killed
between a lease and a send leaves the policy kept, and a database far away costs little of the rate.
"""

import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle

from cryoasync.control.rate.budget_store import BudgetStore, BudgetTransaction
from cryoasync.control.rate.permit_log import PermitLog
from cryoasync.control.rate.rate_policy import NANOSECONDS, BudgetUse, RatePolicy
from cryoasync.control.rate.running_time import RunningTimeEstimate
from cryoasync.control.rate.sendings import Sending
from cryoasync.ports import Clock

LEASE_AHEAD_SECONDS = 1.0
FIRST_LEAD_SECONDS = 0.005
PERMIT_NUMBER_BITS = 63


@dataclass(slots=True, eq=False)
class Permit:
    """The right to send one request now; used at once, or given back.

    ``sequence`` counts the requests to ``endpoint``; ``sending`` is how the policy knows the request.
    """

    number: int
    granted_at: float
    reserved_seconds: float
    endpoint: str = ""
    sequence: int = 0
    sending: Sending | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A leased permit, and the moment at which it may be used, in nanoseconds."""

    number: int
    at: int


class PermitLedger:
    """Keeps the permit log of one host in every store, and what this process owes it."""

    def __init__(
        self,
        host: str,
        policy: RatePolicy,
        stores: Sequence[BudgetStore],
        *,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Share the budget of ``host`` with every process that uses one of ``stores``, that of the best clock first."""
        self._host = host
        self._stores = stores
        self._clock = clock
        self._rng = rng
        self._log = PermitLog(policy)
        self._estimate = RunningTimeEstimate()
        self._in_use: dict[int, Permit] = {}
        self._voided: list[int] = []
        self._settled: dict[int, float] = {}
        self._used_at: dict[int, float] = {}
        self._saved: dict[int, tuple[bytes, PermitLog]] = {}
        self._lead_seconds = FIRST_LEAD_SECONDS

    @property
    def expected_seconds(self) -> float:
        """The running time to reserve for a request."""
        return self._estimate.seconds

    @property
    def in_use(self) -> int:
        """How many permits are with somebody."""
        return len(self._in_use)

    def use(self, permit: Permit) -> None:
        """Note a permit that is used now; the later it is used, the later its window begins."""
        self._in_use[permit.number] = permit
        self._used_at[permit.number] = self._clock()

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Put what a request took in the place of what was reserved."""
        self._in_use.pop(permit.number, None)
        self._settled[permit.number] = running_seconds
        self._estimate.add(running_seconds)

    def void(self, number: int) -> None:
        """Take back a permit that was never used."""
        self._in_use.pop(number, None)
        self._voided.append(number)

    def budget_use(self) -> BudgetUse:
        """Return how much of each window was taken when permits were last leased."""
        return self._log.use(nanoseconds(self._clock()))

    async def lease(
        self,
        count: int,
        policy: RatePolicy,
        hold_until: float,
        *,
        ahead_seconds: float = LEASE_AHEAD_SECONDS,
    ) -> tuple[list[Slot], float]:
        """Reserve up to ``count`` slots in every store, and return them with the first moment that is still free.

        None of them is more than ``ahead_seconds`` ahead of when they can be used first.

        Raises:
            DatabaseUnavailableError: a store is out of reach; nothing is leased.
        """
        voided, settled = tuple(self._voided), dict(self._settled)
        async with AsyncExitStack() as stack:
            stored = [
                await stack.enter_async_context(store.transaction(self._host)) for store in self._stores
            ]
            planned_at = self._clock()
            logs = [self._read(number, each, policy, planned_at) for number, each in enumerate(stored)]
            # Without a store nothing can fail on the way, so that the log need not be copied.
            logs = logs or [self._log if self._log.policy is policy else self._log.under(policy)]
            for log in logs[1:]:
                log.align(logs[0])
            used_at = dict(self._used_at)
            for log in logs:
                for number, at in used_at.items():
                    log.use_at(number, nanoseconds(at))
                self._bring_up_to_date(log, voided, settled, planned_at)
                if hold_until > planned_at:
                    log.hold(nanoseconds(hold_until))
            slots, next_slot = self._reserve(logs, count, planned_at, ahead_seconds)
            saved = [log.dump(each.shift) for each, log in zip(stored, logs, strict=False)]
            for transaction, dumped in zip(stored, saved, strict=True):
                transaction.replace(dumped)
        self._log = logs[-1]
        self._saved = dict(enumerate(zip(saved, logs, strict=False)))
        del self._voided[: len(voided)]
        for number in settled:
            del self._settled[number]
        for number in used_at:
            del self._used_at[number]
        self._lead_seconds = max(FIRST_LEAD_SECONDS, 0.9 * self._lead_seconds, self._clock() - planned_at)
        return slots, next_slot

    def _read(self, store: int, stored: BudgetTransaction, policy: RatePolicy, now: float) -> PermitLog:
        """Return a stored log.

        What nobody has changed since it was saved from here is known on the own clock, whatever the store's clock
        does meanwhile. A log that cannot be read is taken for one with a permit just used in each window.
        """
        dumped, log = self._saved.get(store, (None, None))
        if log is not None and dumped == stored.log:
            return log.under(policy)
        try:
            return PermitLog.load(policy, stored.log, stored.shift)
        except ValueError:
            log = PermitLog(policy)
            log.hold(nanoseconds(now + policy.horizon_seconds))
            return log

    def _bring_up_to_date(
        self, log: PermitLog, voided: Sequence[int], settled: Mapping[int, float], now: float
    ) -> None:
        """Tell ``log`` what happened since the last lease; a request still out counts for as long as it is out."""
        for number in voided:
            log.void(number)
        for number, seconds in settled.items():
            log.settle(number, nanoseconds(seconds))
        for permit in self._in_use.values():
            if now - permit.granted_at > permit.reserved_seconds:
                log.settle(permit.number, nanoseconds(now - permit.granted_at))
        log.forget(nanoseconds(now))

    def _reserve(
        self, logs: Sequence[PermitLog], count: int, now: float, ahead_seconds: float
    ) -> tuple[list[Slot], float]:
        """Reserve slots that every log agrees to, none too far ahead; return them and the next free one."""
        running = nanoseconds(self._estimate.seconds)
        at = nanoseconds(now + self._lead_seconds)
        horizon = at + nanoseconds(ahead_seconds)
        slots: list[Slot] = []
        while True:
            at = _agreed(logs, at, running)
            if len(slots) == count or at > horizon:
                return slots, at / NANOSECONDS
            slots.append(Slot(self._rng.getrandbits(PERMIT_NUMBER_BITS), at))
            for log in logs:
                log.reserve(slots[-1].number, at, running)


def _agreed(logs: Sequence[PermitLog], at: int, running: int) -> int:
    """Return the first moment from ``at`` on that all ``logs`` allow."""
    agreeing = 0
    for log in cycle(logs):
        moment = log.earliest(at, running)
        agreeing = agreeing + 1 if moment == at else 1
        at = moment
        if agreeing == len(logs):
            break
    return at


def nanoseconds(seconds: float) -> int:
    """Return whole nanoseconds."""
    return round(seconds * NANOSECONDS)
