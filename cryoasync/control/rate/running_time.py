"""The running time to reserve for a request that has not been answered yet."""

import math

SMOOTHING = 0.1
FIRST_GUESS_SECONDS = 0.5


class RunningTimeEstimate:
    """Exponentially weighted mean and deviation of running times, in seconds."""

    def __init__(self) -> None:
        """Start from a guess that the first answers replace quickly."""
        self._mean = FIRST_GUESS_SECONDS
        self._variance = 0.0

    def add(self, running_seconds: float) -> None:
        """Learn from one answer."""
        difference = running_seconds - self._mean
        self._mean += SMOOTHING * difference
        self._variance = (1 - SMOOTHING) * (self._variance + SMOOTHING * difference * difference)

    @property
    def seconds(self) -> float:
        """What to reserve: the mean and one standard deviation."""
        return self._mean + math.sqrt(self._variance)
