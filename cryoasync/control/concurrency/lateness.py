"""When a request hangs: told from how late others were, in times of the expected."""

import math
from collections import deque

RESIDUALS_KEPT = 200
RESIDUALS_NEEDED = 50
REFRESH_ANSWERS = 20

OVERDUE_QUANTILE = 0.98
DEADLINE_QUANTILE = 0.95
DEADLINE_FACTOR = 5.0


class Lateness:
    """The last requests' times.

    Attributes:
        overdue: beyond so many times the expected a request takes longer than nearly all that were answered.
        patience: after so many times the expected it is given up: five times what nearly all take. What was given
            up counts here too, so that a deadline that is too short soon grows.
    """

    def __init__(self) -> None:
        """Know nothing: a request is never late."""
        self.overdue = math.inf
        self.patience = math.inf
        self._residuals: deque[tuple[float, bool]] = deque(maxlen=RESIDUALS_KEPT)
        self._since_refresh = 0

    def add(self, residual: float, *, is_answer: bool) -> None:
        """Remember how many times the expected a request took until it was answered, or given up."""
        self._residuals.append((residual, is_answer))
        self._since_refresh += 1
        if len(self._residuals) >= RESIDUALS_NEEDED and self._since_refresh >= REFRESH_ANSWERS:
            self._since_refresh = 0
            self._refresh()

    def _refresh(self) -> None:
        ordered = sorted(self._residuals)
        self.patience = DEADLINE_FACTOR * ordered[int(DEADLINE_QUANTILE * len(ordered))][0]
        answers = [residual for residual, is_answer in ordered if is_answer]
        if answers:
            self.overdue = answers[int(OVERDUE_QUANTILE * len(answers))]
