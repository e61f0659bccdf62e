"""How long an answer takes by the ids asked for, learned from answers: seconds = base + seconds an id · ids.

Bayesian least squares of two parameters, whose algebra is that of a matrix of two by two. What is older weighs less, a
jump makes the model forget most at once, and a single wild answer moves it little.
"""

import math
import random
from dataclasses import dataclass

HALF_LIFE_ANSWERS = 250.0
"""After so many answers, one counts half."""

FIRST_BASE_SECONDS = 0.2
FIRST_SECONDS_AN_ID = 0.004
"""How an answer's time is divided before sizes tell: only the ratio counts, the first answer gives the scale."""

FIRST_SPREAD = 0.3
SPREAD_BOUNDS = (0.1, 1.0)
ANSWERS_OF_FIRST_SPREAD = 20.0

WILD = 4.0
"""Deviations beyond which an answer counts no more than one at that distance."""

SMOOTHING = 0.1
JUMP = 1.1
"""A smoothed deviation of the answers beyond this is a change, after which nothing counts that was known: a line
through what was before and what is now would be none."""

SHORTEST_SECONDS = 1e-6
KEPT = 0.5 ** (1 / HALF_LIFE_ANSWERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLine:
    """One pair of parameters, as believed in or drawn."""

    base_seconds: float
    seconds_an_id: float

    def seconds(self, ids: int) -> float:
        """Return what an answer about ``ids`` takes in the mean."""
        return max(SHORTEST_SECONDS, self.base_seconds + self.seconds_an_id * ids)


@dataclass(slots=True)
class _Sums:
    """Weighted sums over the answers: what least squares need to know of them."""

    ones: float = 0.0
    ids: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    products: float = 0.0

    def add(self, ids: float, seconds: float, weight: float) -> None:
        self.ones += weight
        self.ids += weight * ids
        self.squares += weight * ids * ids
        self.seconds += weight * seconds
        self.products += weight * ids * seconds

    def scale(self, factor: float) -> None:
        self.ones *= factor
        self.ids *= factor
        self.squares *= factor
        self.seconds *= factor
        self.products *= factor


class TimeModel:
    """The belief about one endpoint's line; it is worth something after the first answer."""

    def __init__(self) -> None:
        """Know nothing."""
        self._sums = _Sums()
        self._prior = TimeLine(base_seconds=FIRST_BASE_SECONDS, seconds_an_id=FIRST_SECONDS_AN_ID)
        self._line = self._prior
        self._spread_squared = FIRST_SPREAD**2
        self._drift = 0.0
        self.answers = 0
        self.jumps = 0

    @property
    def line(self) -> TimeLine:
        """The most probable line."""
        return self._line

    @property
    def spread(self) -> float:
        """The standard deviation of an answer's time, as a part of its mean."""
        return math.sqrt(self._spread_squared)

    def record(self, ids: int, seconds: float) -> float:
        """Learn from an answer, and return how many times the expected its time was."""
        if not self.answers:
            self._take_scale_from(ids, seconds)
        expected = self._line.seconds(ids)
        deviation = (seconds - expected) / (self.spread * expected)
        if self._is_jump(deviation):
            self._begin_anew(ids, seconds)
        self._sums.scale(KEPT)
        now_expected = self._line.seconds(ids)
        weight = self._trust(deviation) / (self._spread_squared * now_expected * now_expected)
        self._sums.add(ids, seconds, weight)
        self._learn_spread(deviation)
        self._solve()
        self.answers += 1
        return seconds / expected

    def suppose(self, line: TimeLine, ids: int, answers: float) -> None:
        """Take ``answers`` of size ``ids`` for granted that would lie on ``line``."""
        seconds = line.seconds(ids)
        if not self.answers:
            self._take_scale_from(ids, seconds)
            self.answers = 1
        self._sums.add(ids, seconds, answers / (self._spread_squared * seconds * seconds))
        self._solve()

    def discount(self, factor: float) -> None:
        """Let all that was learned so far weigh ``factor`` times as much."""
        self._sums.scale(factor)
        self._solve()

    def draw(self, rng: random.Random) -> TimeLine:
        """Return a line as probable as it is believed in; neither parameter is negative."""
        ones, ids, squares = self._precision()
        determinant = ones * squares - ids * ids
        base_deviation = math.sqrt(squares / determinant)
        base = max(0.0, self._line.base_seconds + base_deviation * rng.gauss(0.0, 1.0))
        # Given the base, the slope is known by what the answers leave for it.
        slope = self._line.seconds_an_id - ids / squares * (base - self._line.base_seconds)
        return TimeLine(
            base_seconds=base, seconds_an_id=max(0.0, slope + rng.gauss(0.0, 1.0) / math.sqrt(squares))
        )

    def deviation_seconds(self, ids: int) -> float:
        """Return the standard deviation of the mean at ``ids``: how little is known of it."""
        ones, cross, squares = self._precision()
        return math.sqrt((squares - 2 * cross * ids + ones * ids * ids) / (ones * squares - cross * cross))

    def _take_scale_from(self, ids: int, seconds: float) -> None:
        scale = max(SHORTEST_SECONDS, seconds) / self._prior.seconds(ids)
        self._prior = TimeLine(
            base_seconds=scale * self._prior.base_seconds, seconds_an_id=scale * self._prior.seconds_an_id
        )
        self._line = self._prior

    def _trust(self, deviation: float) -> float:
        """Return how much an answer counts: a wild one less, unless those before it were as wild."""
        if abs(deviation) <= WILD or abs(self._drift) > JUMP / 2:
            return 1.0
        return WILD / abs(deviation)

    def _learn_spread(self, deviation: float) -> None:
        wild = max(-WILD, min(WILD, deviation))
        rate = 1 / min(HALF_LIFE_ANSWERS, ANSWERS_OF_FIRST_SPREAD + self.answers)
        self._spread_squared *= 1 + rate * (wild * wild - 1)
        low, high = SPREAD_BOUNDS
        self._spread_squared = max(low * low, min(high * high, self._spread_squared))

    def _is_jump(self, deviation: float) -> bool:
        self._drift += SMOOTHING * (max(-WILD, min(WILD, deviation)) - self._drift)
        return abs(self._drift) > JUMP

    def _begin_anew(self, ids: int, seconds: float) -> None:
        self._sums = _Sums()
        self._take_scale_from(ids, seconds)
        self._spread_squared = FIRST_SPREAD**2
        self._drift = 0.0
        self.jumps += 1

    def _precision(self) -> tuple[float, float, float]:
        """Return the precision matrix: of the answers, and of a prior that knows each parameter to its double."""
        sums, prior = self._sums, self._prior
        return sums.ones + prior.base_seconds**-2, sums.ids, sums.squares + prior.seconds_an_id**-2

    def _solve(self) -> None:
        sums, prior = self._sums, self._prior
        ones, ids, squares = self._precision()
        seconds = sums.seconds + 1 / prior.base_seconds
        products = sums.products + 1 / prior.seconds_an_id
        determinant = ones * squares - ids * ids
        base = (squares * seconds - ids * products) / determinant
        slope = (ones * products - ids * seconds) / determinant
        if base < 0:
            base, slope = 0.0, products / squares
        elif slope < 0:
            base, slope = seconds / ones, 0.0
        self._line = TimeLine(base_seconds=base, seconds_an_id=slope)
