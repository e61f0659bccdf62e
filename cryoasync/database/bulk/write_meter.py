"""What was written, and how long it took."""

from collections import deque
from collections.abc import Sequence

from cryoasync.database.bulk.batch_transaction import BatchTransaction
from cryoasync.models import WriteStatistics

LATEST_BATCHES = 512
"""How many of the latest batches the percentiles are of."""


class WriteMeter:
    """Counts what is committed; of times it keeps the latest."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.retries = 0
        self._rows = 0
        self._bytes = 0
        self._refused = 0
        self._batches = 0
        self._seconds = 0.0
        self._latest: deque[float] = deque(maxlen=LATEST_BATCHES)

    def committed(self, batch: BatchTransaction, seconds: float) -> None:
        """Count a batch that took ``seconds``, retries included."""
        self._rows += batch.rows
        self._bytes += batch.bytes
        self._refused += batch.refused
        self._batches += 1
        self._seconds += seconds
        self._latest.append(seconds)

    def statistics(self, batch_rows: int) -> WriteStatistics:
        """Return the totals, beside the size of batches that is aimed at."""
        latest = sorted(self._latest)
        return WriteStatistics(
            rows=self._rows,
            bytes=self._bytes,
            batches=self._batches,
            seconds=self._seconds,
            retries=self.retries,
            refused=self._refused,
            batch_rows=batch_rows,
            p50_seconds=_percentile(latest, 50),
            p95_seconds=_percentile(latest, 95),
            p99_seconds=_percentile(latest, 99),
        )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that ``percent`` of a hundred do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else 0.0
