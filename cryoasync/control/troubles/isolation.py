"""Finds the culprits in a batch that fails, with about one request for each doubling of its size.

One part of a batch that holds a culprit is asked for. Where it passes, its rows are kept, and the rest is known
to be bad without being asked for. Where it fails, nothing is known of the rest any more, and it is asked for
once more with everything else of which nothing is known.
"""

import math
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

Weights = Callable[[Sequence[T]], Sequence[float] | None]
"""How probable it is of each that it is the culprit, up to a common factor; ``None`` where nothing is known."""

FIRST_SETTLED = 20.0
FIRST_CULPRITS = 0.1
"""What is believed before the batch tells: a tenth of a culprit among twenty."""


class Isolation(Generic[T]):
    """What is known of one batch's parts."""

    def __init__(self, weights: Weights[T]) -> None:
        """Divide by ``weights``."""
        self._weights = weights
        self._unknown: list[T] = []
        self.culprits = 0
        self.settled = 0

    def divide(self, bad: Sequence[T]) -> tuple[list[T], list[T]]:
        """Return the part of ``bad`` to ask for, and the rest: as probably as not, the former holds a culprit."""
        most = max(1, min(len(bad) // 2, self._largest()))
        weights = self._weights(bad) if most > 1 else None
        if weights is None:
            return list(bad[:most]), list(bad[most:])
        half = math.fsum(weights) / 2
        order = sorted(range(len(bad)), key=lambda index: weights[index])
        asked: set[int] = set()
        mass = 0.0
        for index in order[:-1]:
            if asked and mass + weights[index] > half:
                break
            asked.add(index)
            mass += weights[index]
        return (
            [each for index, each in enumerate(bad) if index in asked],
            [each for index, each in enumerate(bad) if index not in asked],
        )

    def put_back(self, unknown: Sequence[T]) -> None:
        """Take back a part of which nothing is known any more."""
        self._unknown += unknown

    def next_parts(self) -> list[list[T]]:
        """Return what was put back, in parts that hold no culprit as probably as one."""
        unknown, self._unknown = self._unknown, []
        size = self._largest()
        return [unknown[start : start + size] for start in range(0, len(unknown), size)]

    def _largest(self) -> int:
        """Return how many hold a culprit as probably as not, by what was found so far.

        The first culprit is why anybody looks, so that it tells nothing of how many there are.
        """
        rate = (max(0, self.culprits - 1) + FIRST_CULPRITS) / (self.settled + FIRST_SETTLED)
        return max(1, int(math.log(2) / rate))
