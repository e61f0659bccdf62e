"""How long to leave the server to others between two commits."""

LONGEST_PAUSE_SECONDS = 0.25
"""Short enough for the last commits of a run that is being stopped."""

_LEAST_SHARE = 0.25
_DECREASE = 0.5
_INCREASE = 0.125


class WritePace:
    """Takes a smaller share of the time while others wait for the log to be written, and grows back to all of it."""

    def __init__(self) -> None:
        """Take all of the time."""
        self._share = 1.0

    def record(self, *, is_pressed: bool) -> None:
        """Learn whether the server was pressed when it was looked at."""
        if is_pressed:
            self._share = max(_LEAST_SHARE, self._share * _DECREASE)
        else:
            self._share = min(1.0, self._share + _INCREASE)

    def pause_after(self, seconds: float) -> float:
        """Return how long to wait after a commit that took ``seconds``."""
        return min(LONGEST_PAUSE_SECONDS, seconds * (1 / self._share - 1))
