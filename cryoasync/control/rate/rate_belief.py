"""What limit is in force at the source, as a probability over the possible ones.

A source may lower its limit without a word, and may refuse at random for reasons of its own. Every answer
tells the two apart a little: a refusal at a count that was accepted before speaks for chance, one above it
for a limit. The filter is Bayes' rule over a grid of limits and random failure rates, with a slow drift to a
prior, since what is true now may change at any time.
"""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

FAILURE_RATES = (0.0, 0.1, 0.25, 0.5)
"""How often a request is refused by chance, in the cells of the grid."""

CHANGE_SECONDS = 900.0
"""How long a limit holds, in the mean."""

REFUSED_ABOVE = 0.97
REFUSED_WITHIN = 0.005
REFUSED_UNSURE = 0.08
"""How probable a refusal is above the limit, within it, and where latency leaves open which it was."""

TOP_SHARE = 0.9
CHANCE_SHARE = 0.2
"""Of the first prior: how probable the full limit is, and among the lower ones a source that fails by chance."""

SURE_OF_CHANCE = 0.9
"""How probable chance has to be for a refusal to say nothing of bounds."""

SUSPICION = 1e-4
"""How probable a bound on a longer time is thought at a refusal that nothing else speaks for."""

STRONG_SUSPICION = 0.5
"""The same of a request that was alone in its second, and the last of several to be refused."""

FORGOTTEN = 1e-6
"""Below such a probability nothing is suspected any more."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests the source counted in its window when one arrived, itself included: for sure, and at most."""

    sure: int
    most: int


Belief = tuple[float, ...]
"""A probability for each cell: limits from 0 up, each with every failure rate."""


def _chances(refused_by_limit: float) -> Mapping[bool, Belief]:
    """Return how probable a refusal is with each failure rate, and how probable it is that there is none."""
    refusals = [by_chance + (1 - by_chance) * refused_by_limit for by_chance in FAILURE_RATES]
    return {True: tuple(refusals), False: tuple(1 - chance for chance in refusals)}


_ABOVE, _UNSURE, _WITHIN = map(_chances, (REFUSED_ABOVE, REFUSED_UNSURE, REFUSED_WITHIN))


def first_prior(limit: int, usual: float | None = None) -> Belief:
    """Return what is believed of a source whose stated limit is ``limit``, before any answer.

    Half of the doubt goes to ``usual``, where a lower rate is said to be usual at the time. None in a second is no
    limit: what refuses a request that is alone in its second is chance, or a bound on a longer time.
    """
    rates = len(FAILURE_RATES) - 1
    lower = limit - 1
    doubt = [0.0, *([(1 - TOP_SHARE) / lower] * lower)] if lower else [1 - TOP_SHARE]
    if usual is not None and usual < limit:
        doubt = [share / 2 for share in doubt]
        doubt[max(1, round(usual)) if lower else 0] += (1 - TOP_SHARE) / 2
    cells = []
    for share in (*doubt, TOP_SHARE):
        cells += [share * (1 - CHANCE_SHARE), *(share * CHANCE_SHARE / rates for _ in range(rates))]
    return tuple(cells)


class RateBelief:
    """The probabilities of the limits 0 to ``limit``, each with some chance of random refusals.

    Beside them stand suspicions: that it is a bound on a longer time which refuses, one of several. Each cell is
    kept without them and, once there are any, with each of them.
    """

    def __init__(self, limit: int, *, bounds: int = 1) -> None:
        """Believe the first prior; so many ``bounds`` may be suspected."""
        self.limit = limit
        self._prior = first_prior(limit)
        self._cells = list(self._prior)
        self._bounds = bounds
        self._bounded: list[list[float]] = []
        self._failure_rates = FAILURE_RATES * (limit + 1)
        self._updated_at: float | None = None

    @property
    def is_first(self) -> bool:
        """Whether nothing was learned yet."""
        return self._updated_at is None

    @property
    def cells(self) -> Sequence[float]:
        """The probabilities, adding up to 1."""
        cells = self._cells
        for bounded in self._bounded:
            cells = list(map(operator.add, cells, bounded))
        return cells

    @property
    def is_suspecting(self) -> bool:
        """Whether a longer time is suspected to be bounded."""
        return bool(self._bounded)

    @property
    def bounded(self) -> list[float]:
        """How probable each of the suspected bounds is; empty where none is suspected."""
        return [math.fsum(cells) for cells in self._bounded]

    def suspect_bounds(self, suspicion: float = SUSPICION) -> None:
        """Begin to suspect the bounds, in the place of earlier suspicions."""
        cells, share = self.cells, suspicion / self._bounds
        self._cells = [(1 - suspicion) * cell for cell in cells]
        self._bounded = [[share * cell for cell in cells] for _ in range(self._bounds)]

    def drift(self, now: float, prior: Sequence[float] | None = None) -> None:
        """Let time pass: the longer ago the last answer, the more the prior counts."""
        if self._updated_at is not None:
            self.mix(prior or self._prior, 1 - math.exp((self._updated_at - now) / CHANGE_SECONDS))
        self._updated_at = now

    def mix(self, other: Sequence[float], weight: float) -> None:
        """Take ``weight`` parts of ``other`` into the belief, whatever the cells of that add up to."""
        kept, taken = 1 - weight, weight / sum(other)
        self._cells = [kept * mine + taken * theirs for mine, theirs in zip(self._cells, other, strict=True)]
        self._bounded = [[kept * mine for mine in cells] for cells in self._bounded]

    def update(self, load: Load, *, refused: bool, beyond: Sequence[bool | None] = ()) -> float:
        """Learn from one answer to a request sent at ``load``; return how probable that answer was.

        ``beyond`` tells of each suspected bound whether it would have refused the request; ``None`` that nobody knows;
        by default none would.
        """
        limits = self.limit + 1
        above = min(load.sure, limits)
        unsure = min(load.most, limits) - above
        chances = (
            _ABOVE[refused] * above + _UNSURE[refused] * unsure + _WITHIN[refused] * (limits - above - unsure)
        )
        cells = list(map(operator.mul, self._cells, chances))
        bounded = [
            list(map(operator.mul, suspected, self._by_bound(is_beyond, chances, refused=refused)))
            for suspected, is_beyond in zip(self._bounded, beyond or repeat(False), strict=False)
        ]
        unbounded = math.fsum(cells)
        total = unbounded + math.fsum(map(math.fsum, bounded))
        if total - unbounded < FORGOTTEN * total:
            total, bounded = unbounded, []
        self._cells = [cell / total for cell in cells]
        self._bounded = [[cell / total for cell in suspected] for suspected in bounded]
        return total

    def of_limits(self) -> list[float]:
        """Return the probability of each limit."""
        step, cells = len(FAILURE_RATES), self.cells
        return [math.fsum(cells[start : start + step]) for start in range(0, len(cells), step)]

    def failure_rate(self) -> float:
        """Return the expected part of requests that is refused by chance."""
        return math.fsum(map(operator.mul, self.cells, self._failure_rates))

    @property
    def is_sure_of_chance(self) -> bool:
        """Whether requests are refused by chance, as good as certainly."""
        return 1 - math.fsum(self.cells[:: len(FAILURE_RATES)]) > SURE_OF_CHANCE

    def _by_bound(self, is_beyond: bool | None, chances: Belief, *, refused: bool) -> Belief:
        """Return how probable an answer is under a bound, where it is as probable as ``chances`` without it."""
        if is_beyond is False:
            return chances
        return (_UNSURE if is_beyond is None else _ABOVE)[refused] * (self.limit + 1)
