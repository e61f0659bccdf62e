"""A bound on what a minute holds, of requests or of their running time: measured, kept to, and felt upward.

No more is let out than was already in the minute of a request that was refused, if it was this bound that refused
it. Upward it is felt for by a bit more, twice as much each time that is let in.
"""

import math

NEARLY = 0.95
"""What refuses within such a part of the bound is the bound itself: it is a bit tighter."""

TOLERANCE = 0.005
"""The part of the bound by which a level that is measured has to differ from it to prove anything."""

DESCENT = 0.92
"""To which part of a level the minute has to empty before the next try, where even a single request was refused."""

LEAST = 1.0
"""The least bound, a request or a second in a minute: however often one is refused, another is tried some time."""

FIRST_STEP = 1 / 50
"""The part of the bound by which it is felt upward at first."""


class MinuteLimit:
    """A bound on the level of a minute: how much the minute before a request holds, the request included.

    Every method that takes a time takes the reading of a clock.
    """

    def __init__(self, policy_limit: float, *, unit: float) -> None:
        """Allow ``policy_limit`` until a refusal says otherwise; ``unit`` is the least step of a level."""
        self._policy_limit = policy_limit
        self._unit = unit
        self._tolerance = 0.0 if unit else TOLERANCE
        self._bound = policy_limit
        self._floor = policy_limit
        self._empties_to = math.inf
        self._step = 0.0
        self._feel_at = math.inf

    def is_beyond(self, level: float) -> bool | None:
        """Whether a request at such a level was beyond the bound; ``None`` where nobody knows it so exactly."""
        if level > self._bound * (1 + self._tolerance):
            return True
        return False if level <= self._floor else None

    def refused(self, level: float, now: float, pause_seconds: float, *, anew: bool, alone: bool) -> None:
        """Take the bound from a refused request, ``anew`` or where it is a bit tighter; feel upward after a pause.

        A request that was ``alone`` in its second tells that the bound is below, nobody knows how far: the minute
        empties a bit before the next one is tried.
        """
        level = max(LEAST, level - self._unit)
        if anew or (level < self._bound and (alone or level >= min(self._floor, NEARLY * self._bound))):
            self._bound, self._floor = level, level * (1 - self._tolerance)
            self._empties_to = math.inf
            if alone:
                self._empties_to, self._floor = max(LEAST, DESCENT * level), 0.0
        self._step = max(self._unit, FIRST_STEP * self._bound)
        self._feel_at = now + pause_seconds

    def accepted(self, level: float) -> None:
        """Learn that a request at such a level was let in."""
        self._empties_to = math.inf
        self._floor = max(self._floor, level * (1 - self._tolerance))
        if self._bound == self._policy_limit or level <= self._bound:
            return
        self._bound, self._step = level, 2 * self._step
        if self._bound >= self._policy_limit:
            self._bound, self._feel_at = self._policy_limit, math.inf

    def limit(self, now: float) -> float:
        """Return the bound, and a bit more where it is felt upward."""
        felt = self._bound + self._step if now >= self._feel_at else self._bound
        return min(self._policy_limit, self._empties_to, felt)

    @property
    def feel_at(self) -> float:
        """When the bound is felt upward next; infinite where there is none."""
        return self._feel_at

    @property
    def is_least(self) -> bool:
        """Whether the bound is as low as bounds get."""
        return min(self._bound, self._empties_to) <= LEAST

    @property
    def part(self) -> float:
        """The part of the policy's limit that the bound leaves."""
        return self._bound / self._policy_limit
