"""How many rows to commit in one transaction, found out while rows are committed.

A commit has a fixed price, so large batches are faster; beyond some size they gain nothing, hold locks longer and
keep more in memory. Where that is depends on the rows, on the server, and on what else the server does.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from operator import mul

FLUSH_SECONDS = 0.5
"""A batch that takes longer to commit is too large, however fast it is, unless every commit takes long."""

_STEPS_A_DOUBLING = 3
_STRIDES = (6, 3, 1)
_TOLERANCE = 0.005
_LOOKS = 2
_KEPT_LOOKS = 4
_NEIGHBOURHOOD = 3
_LIKENESS = 0.7
_SURPRISE = 3.0
_SLOWER = 3.0
_MOSTLY_FIXED = 0.6
_FULL = 0.75
_PROBE_COMMITS = 8
_PROBES = (1, -1, 3, -3)
_CALM_COMMITS = 8


class _Pace:
    """Rows a second at one size, by its latest commits."""

    def __init__(self, *rates: float) -> None:
        self._rates = deque(rates, maxlen=_KEPT_LOOKS)

    @property
    def looks(self) -> int:
        """How many commits tell it."""
        return len(self._rates)

    @property
    def rate(self) -> float:
        """The best of them, for a commit may be held up by anything, and is sped up by nothing."""
        return max(self._rates)

    def follow(self, rate: float) -> None:
        """Take a commit in, and forget the oldest."""
        self._rates.append(rate)


class BatchSizeTuner:
    """Climbs to the smallest size that is nearly as fast as any and quick enough, and keeps following it.

    The sizes are steps on a log scale. From the fastest step it knows it looks fourfold up and down, then twofold,
    then at the next ones, and goes on from whichever is better; settled, it still looks beside itself now and
    then. It is told of each commit and needs no clock. One commit unlike the others changes nothing; a second one
    like that says that the server has changed, and nothing is known of the other sizes any more. Where commits
    disturb others (:meth:`record_conflict`) larger sizes are left alone for a while.
    """

    def __init__(
        self, start: int, smallest: int, largest: int, *, flush_seconds: float = FLUSH_SECONDS
    ) -> None:
        """Begin with ``start`` rows, and stay between ``smallest`` and ``largest``, both included."""
        self._sizes = _ladder(smallest, start, largest)
        self._step = self._sizes.index(start)
        self._highest = self._ceiling = len(self._sizes) - 1
        self._paces: dict[int, _Pace] = {}
        self._flush_seconds = flush_seconds
        self._surprise = 0
        self._settled_commits = 0
        self._calm_commits = 0

    @property
    def size(self) -> int:
        """How many rows the next batch best has."""
        return self._sizes[self._step]

    def record(self, rows: int, seconds: float) -> None:
        """Learn from a commit of ``rows`` that took ``seconds``; one that was not full says nothing of its size."""
        self._calm_commits += 1
        if self._calm_commits % _CALM_COMMITS == 0:
            self._ceiling = min(self._ceiling + _STEPS_A_DOUBLING, self._highest)
        if rows >= _FULL * self.size and seconds > 0:
            self._learn(rows / seconds)
            self._step = self._next_step()

    def record_conflict(self) -> None:
        """Halve the size for a while: commits wait for locks, or others wait for theirs."""
        self._calm_commits = 0
        self._ceiling = self._step = max(0, self._step - _STEPS_A_DOUBLING)

    def limit(self, rows: float) -> None:
        """Stay at ``rows`` or below from now on, for a reason that is no matter of speed."""
        self._highest = max(0, bisect_right(self._sizes, rows) - 1)
        self._ceiling = min(self._ceiling, self._highest)
        self._step = min(self._step, self._ceiling)

    def _learn(self, rate: float) -> None:
        if (pace := self._paces.get(self._step)) is None:
            self._surprise = 0
            self._paces[self._step] = _Pace(rate)
            return
        factor = rate / pace.rate
        if pace.looks < _LOOKS or 1 / _SURPRISE < factor < _SURPRISE:
            self._surprise = 0
            pace.follow(rate)
            return
        before, self._surprise = self._surprise, 1 if factor > 1 else -1
        if self._surprise == before:
            self._surprise = 0
            self._paces = {self._step: _Pace(rate, rate)}

    def _next_step(self) -> int:
        quick = [step for step in self._paces if self._is_quick(step)]
        if not quick:
            return next((step for step in range(min(self._paces), 0, -1) if self._is_quick(step)), 0)
        if (lower := self._worth_going_down_to()) is not None:
            return lower
        rates = {step: self._likely_rate(step) for step in quick}
        best = max(quick, key=rates.__getitem__)
        if (step := next(self._worth_a_look(best), None)) is not None:
            return step
        chosen = min(step for step in quick if rates[step] >= (1 - _TOLERANCE) * rates[best])
        if chosen < best and chosen - _STRIDES[0] >= 0 and chosen - _STRIDES[0] not in self._paces:
            return chosen - _STRIDES[0]
        self._settled_commits += 1
        if self._settled_commits % _PROBE_COMMITS:
            return chosen
        beside = chosen + _PROBES[self._settled_commits // _PROBE_COMMITS % len(_PROBES)]
        return beside if self._is_quick(beside) else chosen

    def _likely_rate(self, step: int) -> float:
        """Return the rate at a step that is known, by its commits and, less and less, by those of the steps around it.

        Sizes close to each other are nearly as fast, and the more commits tell something, the less chance does.
        """
        near = [known for known in self._paces if abs(known - step) <= _NEIGHBOURHOOD]
        weights = [self._paces[known].looks * _LIKENESS ** abs(known - step) for known in near]
        return math.fsum(map(mul, weights, (self._paces[known].rate for known in near))) / math.fsum(weights)

    def _worth_going_down_to(self) -> int | None:
        """Return a step far below all that are known, where these take too long and it is not known for what."""
        lowest, *above = sorted(self._paces)
        if lowest == 0 or self._seconds(lowest) <= self._flush_seconds:
            return None
        if above and self._seconds(lowest) > _MOSTLY_FIXED * self._seconds(above[0]):
            return None
        return max(0, lowest - _STRIDES[0])

    def _seconds(self, step: int) -> float:
        return self._sizes[step] / self._paces[step].rate

    def _worth_a_look(self, best: int) -> Iterator[int]:
        """Yield the steps around the best one that too little is known of to pass them over."""
        for stride in _STRIDES:
            for step in (best + stride, best, best - stride):
                looks = self._paces[step].looks if step in self._paces else 0
                # What was slow once may have been held up; far below that is no wonder.
                is_to_be_slow = stride == _STRIDES[0] and step <= best
                if self._is_quick(step) if looks == 0 else looks < _LOOKS and not is_to_be_slow:
                    yield step

    def _is_quick(self, step: int) -> bool:
        """Tell whether there is such a step, and its commits would take no longer than they may."""
        if not 0 <= step <= self._ceiling:
            return False
        nearest = min(self._paces, key=lambda known: abs(known - step))
        quickest = min(map(self._seconds, self._paces))
        return self._sizes[step] <= self._paces[nearest].rate * max(self._flush_seconds, _SLOWER * quickest)


def _ladder(smallest: int, start: int, largest: int) -> list[int]:
    """Return the sizes from smallest to largest, with ``start`` among them, that are a step or less apart."""
    steps = range(
        math.ceil(_STEPS_A_DOUBLING * math.log2(smallest / start)),
        math.floor(_STEPS_A_DOUBLING * math.log2(largest / start)) + 1,
    )
    return sorted({smallest, largest, *(round(start * 2 ** (step / _STEPS_A_DOUBLING)) for step in steps)})
