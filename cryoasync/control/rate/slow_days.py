"""Days of the source's week on which it is asked more slowly, whatever it would bear."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDays:
    """Some days of the week, 0 for Monday, and the rate that is not exceeded on them."""

    weekdays: frozenset[int]
    requests_per_second: float

    def ceiling(self, local: datetime) -> float | None:
        """Return the most requests a second at a moment of the source's week; ``None`` on the other days."""
        return self.requests_per_second if local.weekday() in self.weekdays else None
