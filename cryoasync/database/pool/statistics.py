"""What a pool of connections is doing, and what it did, as values."""

import math
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryoasync.database.pool.leases import Holder

WAITS_KEPT = 1_000


class Closing(StrEnum):
    """Why a connection was closed."""

    SURPLUS = "surplus"
    AGE = "age"
    LOST = "lost"
    UNFIT = "unfit"
    END = "end"


class PoolHistory:
    """Counts what a pool did.

    Attributes:
        acquired: connections that were lent, as ``opened`` and ``failed_openings`` are attempts to open one.
        timeouts: those who waited in vain.
        closed: connections that were closed, by reason.
        waits: of the last thousand who got a connection, in seconds.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.acquired = self.opened = self.failed_openings = self.timeouts = 0
        self.closed: Counter[Closing] = Counter()
        self.waits: deque[float] = deque(maxlen=WAITS_KEPT)

    def served(self, waited_seconds: float) -> None:
        """Count somebody who got a connection."""
        self.acquired += 1
        self.waits.append(waited_seconds)

    def wait_percentile(self, share: float) -> float:
        """Return the wait that ``share`` of the last ones did not exceed; 0 where nobody waited yet."""
        waits = sorted(self.waits)
        return waits[max(0, math.ceil(share * len(waits)) - 1)] if waits else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return {
            "acquired": self.acquired,
            "opened": self.opened,
            "failed_openings": self.failed_openings,
            "timeouts": self.timeouts,
            "closed": {str(reason): number for reason, number in self.closed.items()},
            "wait_p50_seconds": self.wait_percentile(0.5),
            "wait_p99_seconds": self.wait_percentile(0.99),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """One moment of a pool, and its history in numbers.

    Attributes:
        minimum: and ``maximum``: the bounds in force; the server may have lowered them.
        oldest_wait_seconds: how long the one who waits longest has waited.
        history: what it did so far.
        holders: who has a connection, who has had one longest first.
    """

    minimum: int
    maximum: int
    idle: int
    in_use: int
    opening: int
    waiting: int
    oldest_wait_seconds: float
    history: PoolHistory
    holders: tuple[Holder, ...]

    @property
    def size(self) -> int:
        """The connections that there are."""
        return self.idle + self.in_use

    @property
    def leaks(self) -> tuple[Holder, ...]:
        """Those who have had a connection for too long."""
        return tuple(holder for holder in self.holders if holder.is_leak)

    def to_json(self) -> dict[str, Any]:
        """Return what ``status`` shows of the pool of a run at work."""
        return {
            "size": self.size,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "idle": self.idle,
            "in_use": self.in_use,
            "opening": self.opening,
            "waiting": self.waiting,
            **self.history.to_json(),
            "leaks": [{"holder": leak.name, "seconds": leak.seconds} for leak in self.leaks],
        }
