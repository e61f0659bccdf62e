"""Waits for the moment when the concurrency limiter lets a request out: the asyncio around it."""

import asyncio
import heapq
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from cryoasync.control.concurrency.concurrency_limiter import Call, ConcurrencyLimiter, ConcurrencyState
from cryoasync.ports import Clock


@dataclass(slots=True)
class Place:
    """The right to have one request under way.

    Whoever holds it tells once how the request ended; one that tells nothing was not sent, or cancelled.

    Attributes:
        deadline_seconds: how long the answer is worth waiting for.
    """

    deadline_seconds: float
    _limiter: ConcurrencyLimiter
    _call: Call
    _is_told: bool = False

    def answered(self, seconds: float) -> None:
        """Tell of a good answer, which took ``seconds`` from the moment the request was sent."""
        self._is_told = True
        self._limiter.answered(self._call, seconds)

    def failed(self) -> None:
        """Tell of a failure of the server's."""
        self._is_told = True
        self._limiter.failed(self._call)

    def refused(self) -> None:
        """Tell of a refusal for policy reasons."""
        self._is_told = True
        self._limiter.refused(self._call)

    def lost(self, seconds: float) -> None:
        """Tell that no answer came within ``seconds``."""
        self._is_told = True
        self._limiter.lost(self._call, seconds)

    def leave(self) -> None:
        """Give the place back."""
        if not self._is_told:
            self._limiter.withdrawn(self._call)


@dataclass(slots=True, order=True)
class _Waiter:
    """Somebody who waits for a place: whoever has waited longest goes first, but for what is more urgent."""

    deadline: float
    number: int
    ids: int = field(compare=False)
    future: asyncio.Future[Place] = field(compare=False)


class ConcurrencyGate:
    """Places for as many requests as the limiter says, shared by all workers."""

    def __init__(self, limiter: ConcurrencyLimiter, *, clock: Clock) -> None:
        """Ask ``limiter``."""
        self._limiter = limiter
        self._clock = clock
        self._waiters: list[_Waiter] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def state(self) -> ConcurrencyState:
        """Return how many requests are under way, and how many may be."""
        return self._limiter.state(self._clock())

    @asynccontextmanager
    async def place(self, ids: int, *, patience_seconds: float = 0.0) -> AsyncIterator[Place]:
        """Wait for a place for a request for ``ids`` ids, which lets others go first for ``patience_seconds``."""
        place = await self._wait(ids, self._clock() + patience_seconds)
        try:
            yield place
        finally:
            place.leave()
            self._admit()

    async def _wait(self, ids: int, deadline: float) -> Place:
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, _Waiter(deadline, next(self._numbers), ids, future))
        self._admit()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                future.result().leave()
                self._admit()
            raise

    def _admit(self) -> None:
        """Let out whoever may go, and come back when time alone will let another out."""
        now = self._clock()
        while self._waiters and (self._waiters[0].future.done() or self._limiter.can_send(now)):
            waiter = heapq.heappop(self._waiters)
            if not waiter.future.done():
                deadline_seconds = self._limiter.deadline_seconds(waiter.ids)
                call = self._limiter.sent(now, waiter.ids)
                waiter.future.set_result(Place(deadline_seconds, self._limiter, call))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiters and math.isfinite(at := self._limiter.changes_at(now)):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, at - now), self._admit)
