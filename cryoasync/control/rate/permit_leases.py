"""Slots leased ahead: few at a time, a second before they are used, and earlier where a store is far."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cryoasync.control.rate.permit_ledger import LEASE_AHEAD_SECONDS, PermitLedger, Slot
from cryoasync.control.rate.rate_policy import NANOSECONDS, RatePolicy
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.ports import Clock

LEASE_AT_MOST = 5
LEASE_AGAIN_AT = 1
"""Slots left at which the next are leased: before the one after it is due there is time for a store that is not far."""

STORE_RETRY_SECONDS = 1.0
FAR_SECONDS = 0.2
"""A store that takes longer for a lease is far: more is leased, and earlier, as time goes on meanwhile."""

FADING = 0.95
"""How fast a slow lease is forgotten, with each quicker one."""

CLOCK_RESOLUTION_SECONDS = 1e-6
"""A slot this near is due: a timer may fire a rounding error early, and waiting for the rest would spin."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How many wait for a permit now, under what policy, and from when on."""

    waiting: int
    policy: RatePolicy
    hold_until: float


class PermitLeases:
    """Keeps as many slots leased as there is demand for, as far ahead as is needed."""

    def __init__(
        self,
        ledger: PermitLedger,
        demand: Callable[[], Demand],
        leased: Callable[[], None],
        *,
        tolerance_seconds: float,
        clock: Clock,
    ) -> None:
        """Lease from ``ledger``, and call ``leased``; a slot later than ``tolerance_seconds`` is of no use any more."""
        self.expired = 0
        self._ledger = ledger
        self._demand = demand
        self._leased = leased
        self._tolerance_seconds = tolerance_seconds
        self._clock = clock
        self._slots: deque[Slot] = deque()
        self._is_wanted = asyncio.Event()
        self._generation = 0
        self._took_seconds = 0.0

    def want(self) -> None:
        """Look at what is demanded, where few are left."""
        if self._are_few:
            self._is_wanted.set()

    def seconds_until_due(self) -> float | None:
        """Return when the first slot that is of use may be used; 0 is now, ``None`` without a slot."""
        while self._slots:
            due, now = self._slots[0].at / NANOSECONDS, self._clock()
            if now <= due + self._tolerance_seconds:
                return due - now if due - now > CLOCK_RESOLUTION_SECONDS else 0.0
            self._ledger.void(self._slots.popleft().number)
            self.expired += 1
            self.want()
        return None

    def take(self) -> Slot:
        """Take the first slot, which is due."""
        slot = self._slots.popleft()
        self.want()
        return slot

    def give_back(self) -> None:
        """Take back what was leased under other circumstances."""
        for slot in self._slots:
            self._ledger.void(slot.number)
        self._slots.clear()
        self._generation += 1
        self.want()

    @property
    def _is_far(self) -> bool:
        """Whether a store answers so late that a lease must begin long before it is needed."""
        return self._took_seconds > FAR_SECONDS

    @property
    def _ahead_seconds(self) -> float:
        return LEASE_AHEAD_SECONDS + (2 * self._took_seconds if self._is_far else 0.0)

    @property
    def _at_most(self) -> int:
        return math.ceil(LEASE_AT_MOST * self._ahead_seconds)

    @property
    def _are_few(self) -> bool:
        """Whether so few slots are left that it is time for the next lease."""
        again_at = LEASE_AGAIN_AT + (math.ceil(LEASE_AT_MOST * self._took_seconds) if self._is_far else 0)
        return len(self._slots) <= again_at

    def _wanted(self, demand: Demand) -> int:
        """Return how many permits will be wanted: until a lease of a far store is there, some come again and again."""
        return self._at_most if self._is_far and demand.waiting else demand.waiting

    async def keep(self) -> None:
        """Lease until cancelled; while a store is out of reach nothing is leased.

        Raises:
            DatabaseError: a budget store refuses for a reason that waiting does not mend.
        """
        while True:
            lacking, demand = await self._until_lacking()
            before = len(self._slots)
            try:
                next_slot = await self._lease(lacking, demand)
            except DatabaseUnavailableError:
                # Whoever commits decides when the patience is over; without a budget nothing goes out meanwhile.
                await asyncio.sleep(STORE_RETRY_SECONDS)
                continue
            self._leased()
            if len(self._slots) < before + lacking and self._are_few:
                room_at = next_slot - self._ahead_seconds + LEASE_AHEAD_SECONDS / 2
                await self._wait(room_at - self._clock())

    async def _until_lacking(self) -> tuple[int, Demand]:
        """Return how many slots are lacking, once there are, and for what."""
        while True:
            self._is_wanted.clear()
            if self._are_few:
                demand = self._demand()
                lacking = min(self._at_most, self._wanted(demand)) - len(self._slots)
                if lacking > 0:
                    return lacking, demand
            await self._is_wanted.wait()

    async def _lease(self, count: int, demand: Demand) -> float:
        """Lease up to ``count`` slots, and return the first moment that is still free."""
        generation, began_at = self._generation, self._clock()
        slots, next_slot = await self._ledger.lease(
            count, demand.policy, demand.hold_until, ahead_seconds=self._ahead_seconds
        )
        self._took_seconds = max(self._clock() - began_at, FADING * self._took_seconds)
        if generation == self._generation:
            self._slots.extend(slots)
        else:
            # The circumstances have changed meanwhile.
            for slot in slots:
                self._ledger.void(slot.number)
        return next_slot

    async def _wait(self, seconds: float) -> None:
        """Return when more is wanted, or after ``seconds``."""
        timer = asyncio.get_running_loop().call_later(seconds, self._is_wanted.set)
        try:
            await self._is_wanted.wait()
        finally:
            timer.cancel()
