"""Logistic regression that learns from one case after the other, and tells how good it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

RATE = 0.3
SHRINKAGE = 1e-4
LARGEST_EXPONENT = 30.0
FIRST_PROBABILITY = 1e-3


class LogisticModel:
    """Probabilities of a rare event, from a few features around 0."""

    def __init__(self, features: int) -> None:
        """Know nothing but that the event is rare."""
        self._bias = math.log(FIRST_PROBABILITY / (1 - FIRST_PROBABILITY))
        self._weights = [0.0] * features
        self._squares = [1.0] * (features + 1)

    def probability(self, features: Sequence[float]) -> float:
        """Return how probable the event is."""
        exponent = self._bias
        for weight, feature in zip(self._weights, features, strict=True):
            exponent += weight * feature
        return 1 / (1 + math.exp(-max(-LARGEST_EXPONENT, min(LARGEST_EXPONENT, exponent))))

    def learn(self, features: Sequence[float], *, happened: bool, times: float = 1.0) -> None:
        """Learn from a case that stands for so many like it."""
        error = times * (self.probability(features) - happened)
        self._bias -= self._step(-1, error)
        for index, feature in enumerate(features):
            self._weights[index] -= self._step(index, error * feature + SHRINKAGE * self._weights[index])

    def _step(self, index: int, gradient: float) -> float:
        self._squares[index] += gradient * gradient
        return RATE * gradient / math.sqrt(self._squares[index])


BINS = 24
LEAST_LOGARITHM = -6.0


@dataclass(slots=True)
class _Bin:
    happened: float = 0.0
    not_happened: float = 0.0
    expected: float = 0.0


class Reliability:
    """What was foretold beside what came: each case is foretold before it is learned from."""

    def __init__(self) -> None:
        """Start with no case."""
        self._bins = [_Bin() for _ in range(BINS)]

    def add(self, probability: float, *, happened: bool, times: float = 1.0) -> None:
        """Count a case that stands for so many like it."""
        share = math.log10(max(10**LEAST_LOGARITHM, probability)) / LEAST_LOGARITHM
        each = self._bins[min(BINS - 1, int((1 - share) * BINS))]
        each.expected += times * probability
        if happened:
            each.happened += times
        else:
            each.not_happened += times

    @property
    def cases(self) -> float:
        """All cases."""
        return math.fsum(each.happened + each.not_happened for each in self._bins)

    @property
    def happened(self) -> float:
        """Those in which it came so."""
        return math.fsum(each.happened for each in self._bins)

    @property
    def calibration_error(self) -> float | None:
        """The mean distance of what was foretold from what came, over all cases."""
        if not self.cases:
            return None
        return math.fsum(abs(each.expected - each.happened) for each in self._bins) / self.cases

    @property
    def discrimination(self) -> float | None:
        """How probable it is that the worse of two is foretold the worse: the area under the curve."""
        happened, below, area = self.happened, 0.0, 0.0
        others = self.cases - happened
        if not happened or not others:
            return None
        for each in self._bins:
            area += each.happened * (below + each.not_happened / 2)
            below += each.not_happened
        return area / (happened * others)

    def precision_and_recall(self, threshold: float) -> tuple[float | None, float | None]:
        """Return how often it came where it was foretold with ``threshold``, and how much of what came was."""
        share = math.log10(max(10**LEAST_LOGARITHM, threshold)) / LEAST_LOGARITHM
        chosen = self._bins[min(BINS - 1, int((1 - share) * BINS)) :]
        hits = math.fsum(each.happened for each in chosen)
        told = hits + math.fsum(each.not_happened for each in chosen)
        return hits / told if told else None, hits / self.happened if self.happened else None
