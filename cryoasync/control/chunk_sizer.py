"""How many ids to put into one request."""

from cryoasync.control.error_category import ErrorCategory

DECREASE = 0.5
INCREASE_STEPS = 10
"""Good answers in a row that bring the size back from nothing to the maximum."""


class AdaptiveChunkSizer:
    """Additive increase, multiplicative decrease between two bounds, starting at the largest size.

    The largest size is the fastest while the server copes: a request costs a permit, whatever it carries. Only
    a batch that was too much for the server makes the next ones smaller; other trouble says nothing of size.
    """

    def __init__(self, minimum: int, maximum: int) -> None:
        """Stay within ``minimum`` and ``maximum``, both included."""
        self._minimum = minimum
        self._maximum = maximum
        self._size = float(maximum)

    def get_next_chunk_size(self) -> int:
        """Return the size of the next chunk."""
        return round(self._size)

    def record_result(self, chunk_size: int, error: ErrorCategory | None) -> None:
        """Learn from one answer to ``chunk_size`` ids."""
        if error is ErrorCategory.TOO_BIG:
            self._size = max(self._minimum, min(self._size, chunk_size * DECREASE))
        elif error is None and chunk_size >= round(self._size):
            self._size = min(self._maximum, self._size + max(1, self._maximum / INCREASE_STEPS))
