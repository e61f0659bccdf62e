"""Whether another number of requests under way brings more: two numbers, tried in turns.

By Little's law the rate is the number under way divided by the time an answer takes, so a few dozen answers at
each number tell what counting completions would take minutes for. The turns alternate, so that a source which
becomes slower for reasons of its own does so for both.
"""

import math
from dataclasses import dataclass, field
from enum import Enum, auto

FEWEST_ANSWERS = 10
MOST_ANSWERS = 300
"""Answers at each number after which a trial ends undecided."""

WORTH = 0.02
"""A difference of the rate below this is none."""

SURE = 2.0
"""Standard errors by which a difference must be beyond that."""


class Verdict(Enum):
    """What a trial found."""

    UNDECIDED = auto()
    TAKE = auto()
    """The other number is better: more by ``WORTH``, or fewer without a loss of it."""
    KEEP = auto()


@dataclass(slots=True)
class _Arm:
    """What was seen at one number under way."""

    under_way: int
    answers: int = 0
    failures: int = 0
    total: float = 0.0
    squares: float = 0.0

    def log_rate(self) -> float:
        """Return the logarithm of the rate of good answers, in units that both arms share."""
        good = (self.answers + 0.5) / (self.answers + self.failures + 1)
        return math.log(self.under_way * good * self.answers / self.total)

    def variance(self) -> float:
        """Return the variance of :meth:`log_rate`."""
        mean = self.total / self.answers
        spread = max(0.0, self.squares / self.answers / mean**2 - 1)
        tried = self.answers + self.failures
        return (spread + 0.01) / self.answers + (self.failures + 0.5) / (self.answers + 0.5) / tried


@dataclass(slots=True)
class Trial:
    """The number in force against another one; ``under_way`` says which is in turn."""

    kept: int
    other: int
    _arms: tuple[_Arm, _Arm] = field(init=False)
    _turn: int = 1
    _seen_in_turn: int = 0

    def __post_init__(self) -> None:
        """Begin with the other number: answers at the one in force have just been seen."""
        self._arms = (_Arm(self.kept), _Arm(self.other))

    @property
    def under_way(self) -> int:
        """The number in turn."""
        return self._arms[self._turn].under_way

    def answered(self, residual: float) -> bool:
        """Take in a good answer at the number in turn; return whether the turn is over."""
        arm = self._arms[self._turn]
        arm.answers += 1
        arm.total += residual
        arm.squares += residual * residual
        return self._step()

    def failed(self) -> bool:
        """Take in a failure at the number in turn; return whether the turn is over."""
        self._arms[self._turn].failures += 1
        return self._step()

    def verdict(self) -> Verdict:
        """Return what is known by now."""
        kept, other = self._arms
        if min(kept.answers, other.answers) < FEWEST_ANSWERS:
            hopeless = other.failures >= FEWEST_ANSWERS and other.failures > other.answers
            return Verdict.KEEP if hopeless else Verdict.UNDECIDED
        needed = WORTH if self.other > self.kept else -WORTH
        beyond = (other.log_rate() - kept.log_rate() - needed) / math.sqrt(kept.variance() + other.variance())
        if beyond > SURE:
            return Verdict.TAKE
        if beyond < -SURE or min(kept.answers, other.answers) >= MOST_ANSWERS:
            return Verdict.KEEP
        return Verdict.UNDECIDED

    def _step(self) -> bool:
        self._seen_in_turn += 1
        if self._seen_in_turn < max(FEWEST_ANSWERS, 2 * self.under_way):
            return False
        self._turn, self._seen_in_turn = 1 - self._turn, 0
        return True
