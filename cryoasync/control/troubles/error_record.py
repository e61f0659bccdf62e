"""What each kind of trouble was like in this start: how often, for how long, and what it cost."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryoasync.control.circuit.call_window import CallWindow
from cryoasync.control.troubles.error_category import ErrorCategory

RATE_SECONDS = 600.0


@dataclass(slots=True)
class CategoryRecord:
    """One kind of trouble.

    Attributes:
        met: how often.
        requests: further requests that it caused.
        recoveries: batches that were settled all the same.
        recovery_seconds: from the first trouble to that, added up.
        longest_seconds: the longest of them.
    """

    met: int = 0
    requests: int = 0
    recoveries: int = 0
    recovery_seconds: float = 0.0
    longest_seconds: float = 0.0
    lately: CallWindow = field(default_factory=lambda: CallWindow(RATE_SECONDS))

    def to_json(self, now: float) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "met": self.met,
            "in_ten_minutes": self.lately.counts(now).calls,
            "requests": self.requests,
            "recoveries": self.recoveries,
            "mean_recovery_seconds": self.recovery_seconds / self.recoveries if self.recoveries else None,
            "longest_recovery_seconds": self.longest_seconds,
        }


class ErrorRecord:
    """The records by kind of trouble."""

    def __init__(self) -> None:
        """Start empty."""
        self._categories: defaultdict[ErrorCategory, CategoryRecord] = defaultdict(CategoryRecord)

    def met(self, category: ErrorCategory, now: float, *, requests: int) -> None:
        """Note one trouble, which causes so many further requests."""
        record = self._categories[category]
        record.met += 1
        record.requests += requests
        record.lately.add(now, failed=True, slow=False)

    def recovered(self, first_at: Mapping[ErrorCategory, float], now: float) -> None:
        """Note that a batch was settled that met each kind of trouble first at so many seconds."""
        for category, at in first_at.items():
            record = self._categories[category]
            record.recoveries += 1
            record.recovery_seconds += now - at
            record.longest_seconds = max(record.longest_seconds, now - at)

    def to_json(self, now: float) -> dict[str, Any]:
        """Return it as JSON values."""
        return {str(category): record.to_json(now) for category, record in self._categories.items()}
