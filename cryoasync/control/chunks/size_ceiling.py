"""The largest size that a source takes, where it refuses whatever is larger and nothing that is smaller.

A model of chances would go on trying: to it, what never fails at one size and always at the next is bad luck.
"""

from collections import defaultdict

FAILURES_IN_A_ROW = 4
GOOD_IN_A_ROW = 8
"""At one size so many failures, and at a smaller one so many good answers: there is a ceiling between them."""

FAILURES_OF_A_RISE = 2
"""In a row, without a good answer, above a ceiling that was just raised."""

FIRST_PATIENCE_ANSWERS = 4
LONGEST_PATIENCE_ANSWERS = 512
"""Good answers at the ceiling after which it is doubled; twice as many each time that proves wrong."""


class SizeCeiling:
    """At most ``maximum``, which it is at first."""

    def __init__(self, maximum: int) -> None:
        """Allow everything."""
        self._maximum = maximum
        self._streaks: defaultdict[int, int] = defaultdict(int)
        self._good_at_ceiling = 0
        self._patience = FIRST_PATIENCE_ANSWERS
        self._risen_from: int | None = None
        self._failed_above = 0
        self.size = maximum

    def succeeded(self, size: int) -> None:
        """Learn of a good answer at one of the sizes that are chosen from."""
        self._streaks[size] = max(0, self._streaks[size]) + 1
        if self._risen_from is not None and size > self._risen_from:
            self._risen_from, self._patience = None, FIRST_PATIENCE_ANSWERS
        # The sizes are some way apart: the nearest one below the ceiling is at it.
        if self.size == self._maximum or 2 * size <= self.size:
            return
        self._good_at_ceiling += 1
        if self._good_at_ceiling >= self._patience:
            self._good_at_ceiling = self._failed_above = 0
            self._risen_from, self.size = self.size, min(self._maximum, 2 * self.size)

    def failed(self, size: int) -> None:
        """Learn that a chunk of ``size`` was too large."""
        self._streaks[size] = min(0, self._streaks[size]) - 1
        if size > self.size:
            return
        if self._risen_from is not None and size > self._risen_from:
            self._failed_above += 1
            if self._failed_above >= FAILURES_OF_A_RISE:
                self._patience = min(LONGEST_PATIENCE_ANSWERS, 2 * self._patience)
                self._lower_to(self._risen_from)
            return
        if self._streaks[size] <= -FAILURES_IN_A_ROW:
            taken = [other for other, streak in self._streaks.items() if streak >= GOOD_IN_A_ROW]
            smaller = [other for other in taken if other < size]
            if smaller:
                self._lower_to(max(smaller))

    def _lower_to(self, size: int) -> None:
        self.size = size
        self._risen_from = None
        self._good_at_ceiling = 0
