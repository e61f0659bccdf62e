"""A bound on the requests of a minute: counted, kept to, and felt upward from time to time.

No more are let in than were already in the minute of a request that was refused, if it was this bound that refused
it. Upward it is felt by some requests more, twice as many each time they are let in.
"""

import math
from bisect import bisect_right
from collections import deque

MINUTE_SECONDS = 60.0
NEARLY = 0.95
"""Running times vary, and so does what of them fits into a minute."""

FIRST_STEP = 1 / 50
"""The part of the bound by which it is felt upward at first."""


class MinuteLimit:
    """A bound on the requests of a minute; every method takes the reading of a clock."""

    def __init__(self, policy_limit: int) -> None:
        """Allow ``policy_limit`` until a refusal says otherwise."""
        self._policy_limit = policy_limit
        self._sent: deque[float] = deque()
        self._bound = policy_limit
        self._step = 0
        self._feel_at = math.inf

    def sent(self, now: float) -> None:
        """Count a request."""
        # Answers are late by as much as the longest of them took.
        while self._sent and self._sent[0] <= now - 2 * MINUTE_SECONDS:
            self._sent.popleft()
        self._sent.append(now)

    def is_beyond(self, at: float) -> bool:
        """Whether the request sent at ``at`` was beyond the bound."""
        return self._count(at) > self._bound

    def refused(self, at: float, now: float, pause_seconds: float, *, anew: bool) -> None:
        """Take the bound from a refused request, ``anew`` or where it is a bit tighter; feel upward after a pause."""
        others = max(1, self._count(at) - 1)
        if anew or NEARLY * self._bound <= others < self._bound:
            self._bound = others
        self._step = max(1, round(FIRST_STEP * self._bound))
        self._feel_at = now + pause_seconds

    def take_back(self, at: float) -> None:
        """Do not count the request sent at ``at`` any more: the source has refused it."""
        if self._sent and self._sent[0] <= at:
            self._sent.remove(at)

    def accepted(self, at: float) -> None:
        """Learn that the request sent at ``at`` was let in."""
        if self._bound == self._policy_limit or (count := self._count(at)) <= self._bound:
            return
        self._bound, self._step = count, 2 * self._step
        if self._bound >= self._policy_limit:
            self._bound, self._feel_at = self._policy_limit, math.inf

    def limit(self, now: float) -> int:
        """Return the bound, and a bit more where it is felt upward."""
        return min(self._policy_limit, self._bound + self._step if now >= self._feel_at else self._bound)

    @property
    def feel_at(self) -> float:
        """When the bound is felt upward next; infinite where there is none."""
        return self._feel_at

    @property
    def gain(self) -> float:
        """The part by which the rate could rise without the bound."""
        return self._policy_limit / self._bound - 1

    def _count(self, at: float) -> int:
        """Return how many requests the minute of the one sent at ``at`` holds, itself included."""
        return bisect_right(self._sent, at) - bisect_right(self._sent, at - MINUTE_SECONDS)
