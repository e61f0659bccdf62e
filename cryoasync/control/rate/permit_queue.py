"""Who waits for a permit, and who is next."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import count

from cryoasync.control.rate.permit_ledger import Permit

TIDY_FROM = 64
"""Entries of waiters that have gone, below which nobody looks for them."""


class Priority(Enum):
    """How many seconds a request lets others go first; the one whose time is up soonest is next.

    So a request that may wait long is overtaken by what is more urgent, but never for longer than its seconds.
    """

    BEGIN = 60.0
    """The first request of a chunk."""
    CONTINUE = 5.0
    """A further request of a chunk: once it is answered, the chunk can be saved."""
    SPARE = 180.0
    """A retry beyond its budget: almost everybody goes first, and with nobody else there it is next."""
    LOOK_UP = 0.0
    """A single request that somebody waits for: it overtakes whatever belongs to a chunk."""
    RESUME = -3600.0
    """A request whose connection was gone when its turn came: it goes first, or its next one would be gone too."""


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody who waits for a permit."""

    endpoint: str
    permit: asyncio.Future[Permit]


_Place = tuple[float, int, Waiter]
"""When a waiter's time is up, the number that decides between equals, and the waiter."""


class PermitQueue:
    """Waiters by endpoint; one who gives up is passed over when their turn comes."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._heaps: dict[str, list[_Place]] = {}
        self._alive: dict[str, int] = {}
        self._numbers = count()

    def add(self, endpoint: str, deadline: float) -> Waiter:
        """Let somebody wait from now on."""
        future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        waiter = Waiter(endpoint, future)
        heapq.heappush(self._heaps.setdefault(endpoint, []), (deadline, next(self._numbers), waiter))
        self._alive[endpoint] = self._alive.get(endpoint, 0) + 1
        return waiter

    def give_up(self, waiter: Waiter) -> None:
        """Forget a waiter who was cancelled before they got a permit."""
        alive = self._alive[waiter.endpoint] = self._alive[waiter.endpoint] - 1
        heap = self._heaps[waiter.endpoint]
        if len(heap) > TIDY_FROM + 2 * alive:
            heap[:] = [place for place in heap if not place[2].permit.done()]
            heapq.heapify(heap)

    def next(self, is_open: Callable[[str], bool]) -> Waiter | None:
        """Return who is next among those for endpoints that are open."""
        heads = [head for endpoint in self._alive if is_open(endpoint) and (head := self._head(endpoint))]
        return min(heads)[2] if heads else None

    def grant(self, waiter: Waiter, permit: Permit) -> None:
        """Give the waiter who is next a permit."""
        heapq.heappop(self._heaps[waiter.endpoint])
        self._alive[waiter.endpoint] -= 1
        waiter.permit.set_result(permit)

    def waiting(self, is_open: Callable[[str], bool]) -> int:
        """Return how many wait for endpoints that are open."""
        return sum(alive for endpoint, alive in self._alive.items() if alive and is_open(endpoint))

    def endpoints(self) -> list[str]:
        """Return the endpoints that somebody waits for."""
        return [endpoint for endpoint, alive in self._alive.items() if alive]

    def _head(self, endpoint: str) -> _Place | None:
        heap = self._heaps[endpoint]
        while heap and heap[0][2].permit.done():
            heapq.heappop(heap)
        return heap[0] if heap else None
