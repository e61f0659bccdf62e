"""What a start of a run met on its way to the source, counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryoasync.control.troubles.error_category import ErrorCategory

_THROTTLES = frozenset({ErrorCategory.THROTTLED, ErrorCategory.BLOCKED})


@dataclass(slots=True)
class Traffic:
    """Counters of requests and errors; an error is recovered once its compounds were settled all the same."""

    requests: int = 0
    retries: int = 0
    errors: Counter[ErrorCategory] = field(default_factory=Counter)
    recovered: Counter[ErrorCategory] = field(default_factory=Counter)
    first_sent_at: float | None = None

    def sent(self, at: float, *, retry: bool) -> None:
        """Count one request, sent at a reading of the run's clock."""
        self.requests += 1
        self.retries += retry
        if self.first_sent_at is None:
            self.first_sent_at = at

    def met(self, category: ErrorCategory) -> None:
        """Count one error."""
        self.errors[category] += 1

    def recover(self, errors: Mapping[ErrorCategory, int]) -> None:
        """Count errors whose compounds were settled in the end."""
        self.recovered.update(errors)

    @property
    def throttled(self) -> int:
        """Requests the source refused for policy reasons."""
        return sum(self.errors[category] for category in _THROTTLES)
