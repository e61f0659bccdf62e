"""PubChem's usage policy as its server applies it: exact windows, refusals, a growing block.

Nothing here reads a clock: every call is told the time, in seconds of any clock that only moves forward.
Windows slide: an arrival at ``t`` counts until, but not at, ``t`` plus the window's length.
"""

from collections import deque
from enum import StrEnum
from typing import Annotated

import msgspec

SECOND = 1.0
MINUTE = 60.0

# What a refusal says: its colours are green, its end is not.
REFUSED_TEXT = (
    "Request Count status: Green (0%), Request Time status: Green (0%), "
    "Service status: Green (13%), too many requests per second or blacklisted"
)
# Green is below 50 %, red above 75 %, black above what is allowed.
_COLOURS = ((49, "Green"), (75, "Yellow"), (100, "Red"))
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The three limits of the policy."""

    requests_per_second: Count = 5
    requests_per_minute: Count = 400
    running_seconds_per_minute: Seconds = 300.0


class LimitCut(msgspec.Struct, frozen=True, kw_only=True):
    """A lower limit for a while, of which the headers say nothing; times count from the first request."""

    after_seconds: Seconds = 20.0
    lasts_seconds: Seconds = 60.0
    requests_per_second: Count = 2


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The limits, and what comes of exceeding them.

    ``refusals_to_block`` refusals within a minute block the address for ``block_seconds``, each further time
    for ``block_growth`` times as long; each request inside a block adds ``prolong_seconds``.
    ``neighbour_block_seconds`` is a block that someone else on the same address has earned already: it begins
    with the first request.
    """

    limits: Limits = Limits()
    retry_after_seconds: Count | None = 30
    refusals_to_block: Count = 10
    block_seconds: Seconds = 120.0
    block_growth: float = 2.0
    prolong_seconds: Seconds = 5.0
    neighbour_block_seconds: Seconds = 0.0
    cut: LimitCut | None = None


class Verdict(StrEnum):
    """What becomes of an arrival."""

    ADMITTED = "admitted"
    OVER_LIMIT = "over_limit"
    BLOCKED = "blocked"


class SlidingWindow:
    """Arrivals within the last ``length_seconds``."""

    def __init__(self, length_seconds: float) -> None:
        """Start empty."""
        self._length_seconds = length_seconds
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        """Note an arrival."""
        self._times.append(now)

    def count(self, now: float) -> int:
        """Return how many arrivals are inside the window that ends now."""
        while self._times and self._times[0] <= now - self._length_seconds:
            self._times.popleft()
        return len(self._times)


class RunningTime:
    """The seconds that requests spent being answered within the last minute, unfinished ones included."""

    def __init__(self) -> None:
        """Start with nothing running."""
        self._running: dict[int, float] = {}
        self._finished: deque[tuple[float, float]] = deque()
        self._number = 0

    def start(self, now: float) -> int:
        """Note that a request begins to be answered; return what ``finish`` wants."""
        self._number += 1
        self._running[self._number] = now
        return self._number

    def finish(self, number: int, now: float) -> None:
        """Note that the request has its answer, or that its client has gone."""
        self._finished.append((self._running.pop(number), now))
        self._forget(now - MINUTE)

    def used_seconds(self, now: float) -> float:
        """Return the running time inside the minute that ends now."""
        begin = now - MINUTE
        self._forget(begin)
        finished = sum(end - max(start, begin) for start, end in self._finished)
        return finished + sum(now - max(start, begin) for start in self._running.values())

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return len(self._running)

    def _forget(self, before: float) -> None:
        while self._finished and self._finished[0][1] <= before:
            self._finished.popleft()


class AccessPolicy:
    """Decides for each arrival whether it is answered; refused arrivals fill no window."""

    def __init__(self, policy: Policy) -> None:
        """Start with empty windows."""
        self._policy = policy
        self._second = SlidingWindow(SECOND)
        self._minute = SlidingWindow(MINUTE)
        self._refusals = SlidingWindow(MINUTE)
        self._first_arrival: float | None = None
        self._blocked_until = float("-inf")
        self.blocks = 0
        self.running = RunningTime()

    def arrive(self, now: float) -> Verdict:
        """Judge an arrival."""
        if self._first_arrival is None:
            self._first_arrival = now
            self._blocked_until = now + self._policy.neighbour_block_seconds
        if now < self._blocked_until:
            self._blocked_until += self._policy.prolong_seconds
            return Verdict.BLOCKED
        if self._is_exhausted(now):
            self._count_refusal(now)
            return Verdict.OVER_LIMIT
        self._second.add(now)
        self._minute.add(now)
        return Verdict.ADMITTED

    def status(self, now: float) -> str:
        """Return the text of ``X-Throttling-Control`` for an arrival that was admitted."""
        limits = self._policy.limits
        if self._policy.cut is not None:
            count = time = 0
        else:
            count = 100 * self._minute.count(now) // limits.requests_per_minute
            time = int(100 * self.running.used_seconds(now) / limits.running_seconds_per_minute)
        return throttling_text(count, time, 4 * self.running.in_flight)

    def _is_exhausted(self, now: float) -> bool:
        limits = self._policy.limits
        return (
            self._second.count(now) >= self._requests_per_second(now)
            or self._minute.count(now) >= limits.requests_per_minute
            or self.running.used_seconds(now) >= limits.running_seconds_per_minute
        )

    def _requests_per_second(self, now: float) -> int:
        cut, since = self._policy.cut, self._first_arrival
        if cut is not None and since is not None:
            elapsed = now - since - cut.after_seconds
            if 0 <= elapsed < cut.lasts_seconds:
                return cut.requests_per_second
        return self._policy.limits.requests_per_second

    def _count_refusal(self, now: float) -> None:
        self._refusals.add(now)
        if self._refusals.count(now) >= self._policy.refusals_to_block:
            self._blocked_until = now + self._policy.block_seconds * self._policy.block_growth**self.blocks
            self._refusals = SlidingWindow(MINUTE)
            self.blocks += 1


def throttling_text(count_percent: int, time_percent: int, service_percent: int) -> str:
    """Return the text of ``X-Throttling-Control`` with each colour as its percentage has it."""
    return (
        f"Request Count status: {_colour(count_percent)} ({count_percent}%), "
        f"Request Time status: {_colour(time_percent)} ({time_percent}%), "
        f"Service status: {_colour(service_percent)} ({service_percent}%)"
    )


def _colour(percent: int) -> str:
    return next((colour for bound, colour in _COLOURS if percent <= bound), "Black")
