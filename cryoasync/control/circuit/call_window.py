"""Requests of the last seconds, counted by outcome."""

from collections import deque
from dataclasses import dataclass

BUCKETS = 10


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Requests in a window: all of them, and those that failed or were answered slowly."""

    calls: int = 0
    failures: int = 0
    slow: int = 0


@dataclass(slots=True)
class _Bucket:
    number: int
    calls: int = 0
    failures: int = 0
    slow: int = 0


class CallWindow:
    """Counts in ten buckets, so that memory and time do not grow with the traffic."""

    def __init__(self, seconds: float) -> None:
        """Cover the last ``seconds``, to a tenth of them."""
        self._bucket_seconds = seconds / BUCKETS
        self._buckets: deque[_Bucket] = deque()

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count one request, at a time not before that of the last one."""
        number = int(now // self._bucket_seconds)
        if not self._buckets or self._buckets[-1].number < number:
            self._buckets.append(_Bucket(number))
        bucket = self._buckets[-1]
        bucket.calls += 1
        bucket.failures += failed
        bucket.slow += slow

    def counts(self, now: float) -> CallCounts:
        """Return the sums over the window."""
        oldest = int(now // self._bucket_seconds) - BUCKETS
        while self._buckets and self._buckets[0].number <= oldest:
            self._buckets.popleft()
        return CallCounts(
            calls=sum(bucket.calls for bucket in self._buckets),
            failures=sum(bucket.failures for bucket in self._buckets),
            slow=sum(bucket.slow for bucket in self._buckets),
        )

    def clear(self) -> None:
        """Forget everything."""
        self._buckets.clear()


class CallRow:
    """Requests in a row that ended alike.

    One that ended otherwise ends the row, unless it was sent before the row's first: it tells of earlier times.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.length = 0
        self._first_sent_at = 0.0

    def add(self, sent_at: float) -> None:
        """Make the row one longer."""
        if not self.length:
            self._first_sent_at = sent_at
        self.length += 1

    def end(self, sent_at: float) -> None:
        """End the row by a request that ended otherwise."""
        if sent_at >= self._first_sent_at:
            self.length = 0

    def clear(self) -> None:
        """Forget the row."""
        self.length = 0
