"""How large batches may be, and how long one is tried again."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """Sizes and times.

    Attributes:
        start_rows: rows of the first transaction; later ones have between ``fewest_rows`` and ``most_rows``.
        most_bytes: of a transaction's values, so that memory stays flat however long the rows are.
        retry_seconds: for how long a transaction is tried again before its error is raised.
        retries_outages: whether that holds for outages too, or for conflicts with other transactions alone.
    """

    start_rows: int = 1000
    fewest_rows: int = 100
    most_rows: int = 20_000
    most_bytes: int = 4 * 1024**2
    retry_seconds: float = 30.0
    retries_outages: bool = True

    @classmethod
    def around(cls, rows: int, *, retry_seconds: float, retries_outages: bool = True) -> Self:
        """Return limits from a tenth to ten times of ``rows``, to begin with."""
        return cls(
            start_rows=rows,
            fewest_rows=max(1, rows // 10),
            most_rows=10 * rows,
            retry_seconds=retry_seconds,
            retries_outages=retries_outages,
        )
