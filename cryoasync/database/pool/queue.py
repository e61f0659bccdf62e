"""Those who wait for a connection, in the order in which they get one."""

import asyncio
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Priority(Enum):
    """How many seconds somebody lets others go first; the one whose time is up soonest is next.

    So what is urgent overtakes, but nobody waits longer than these seconds behind those who came later.
    """

    COMMIT = 0.0
    """What is fetched already, and holds everything else up."""
    WORK = 1.0
    """What a run needs to go on."""
    STATUS = 5.0
    """What only tells or reads how things stand."""


@dataclass(slots=True, order=True)
class _Waiter(Generic[T]):
    turn_at: float
    number: int
    asked_at: float = field(compare=False)
    future: "asyncio.Future[T]" = field(compare=False)


class WaitingLine(Generic[T]):
    """Waiters by the time at which their turn is due; one who was cancelled is passed over."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[_Waiter[T]] = []
        self._numbers = count()

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(1 for _ in self._waiting())

    def __bool__(self) -> bool:
        """Tell whether somebody waits, and forget those at the head who no longer do."""
        while self._heap and self._heap[0].future.done():
            heapq.heappop(self._heap)
        return bool(self._heap)

    def join(self, priority: Priority, asked_at: float) -> "asyncio.Future[T]":
        """Return the future that is done when it is one's turn."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, _Waiter(asked_at + priority.value, next(self._numbers), asked_at, future))
        return future

    def serve(self, given: T) -> None:
        """Give to the one whose turn it is; there must be one."""
        assert self, "nobody waits"
        heapq.heappop(self._heap).future.set_result(given)

    def refuse_all(self, error: BaseException) -> None:
        """Let every wait end with ``error``."""
        waiting, self._heap = list(self._waiting()), []
        for waiter in waiting:
            waiter.future.set_exception(error)

    def waiting_since(self) -> list[float]:
        """Return when each wait began, the earliest first."""
        return sorted(waiter.asked_at for waiter in self._waiting())

    def _waiting(self) -> Iterator[_Waiter[T]]:
        return (waiter for waiter in self._heap if not waiter.future.done())
