"""What to do after an attempt that brought no rows: a decision as a value.

Nothing is given up while it stands in a batch with others: only a compound that failed alone, and more than
once, is a failure of its own. A throttle never counts against a batch.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from cryoasync.control.error_category import ErrorCategory

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0

SUSPICIOUS_AFTER = 4
"""Server failures in a row, with other batches passing meanwhile, after which the batch itself is suspected."""

_TRIES_BEFORE_SPLIT = {
    ErrorCategory.TOO_BIG: 1,
    ErrorCategory.REJECTED: 1,
    ErrorCategory.NOT_FOUND: 1,
    ErrorCategory.INCOMPLETE: 2,
    ErrorCategory.GARBLED: 3,
    ErrorCategory.OVERLOADED: SUSPICIOUS_AFTER,
    ErrorCategory.UNREACHABLE: SUSPICIOUS_AFTER,
}
_TRIES_ALONE = {
    ErrorCategory.TOO_BIG: 6,
    ErrorCategory.REJECTED: 2,
    ErrorCategory.NOT_FOUND: 2,
    ErrorCategory.INCOMPLETE: 2,
    ErrorCategory.GARBLED: 5,
    ErrorCategory.OVERLOADED: 2 * SUSPICIOUS_AFTER,
    ErrorCategory.UNREACHABLE: 2 * SUSPICIOUS_AFTER,
}
_NEEDS_HEALTHY_HOST = frozenset({ErrorCategory.OVERLOADED, ErrorCategory.UNREACHABLE})
# One compound is never too much for a healthy server, and gateways answer 504 and half a body in an outage.
_NEEDS_HEALTHY_HOST_ALONE = _NEEDS_HEALTHY_HOST | {ErrorCategory.TOO_BIG, ErrorCategory.GARBLED}


class Decision(Enum):
    """What to do with the batch."""

    RETRY = auto()
    PROBE = auto()
    """Ask for a compound known to be there, to tell a sick host from a poisonous batch; then retry."""
    SPLIT = auto()
    GIVE_UP = auto()


@dataclass(slots=True)
class BatchHistory:
    """What one batch met so far."""

    size: int
    errors: Counter[ErrorCategory] = field(default_factory=Counter)

    def decide(self, category: ErrorCategory, *, host_is_healthy: bool) -> Decision:
        """Count one more error and decide.

        Args:
            category: what the last attempt met.
            host_is_healthy: whether other requests passed since this batch failed last.
        """
        self.errors[category] += 1
        if category not in _TRIES_ALONE:
            return Decision.RETRY
        allowed = (_TRIES_BEFORE_SPLIT if self.size > 1 else _TRIES_ALONE)[category]
        if self.errors[category] < allowed:
            return Decision.RETRY
        needs_health = _NEEDS_HEALTHY_HOST if self.size > 1 else _NEEDS_HEALTHY_HOST_ALONE
        if category in needs_health and not host_is_healthy:
            return Decision.PROBE
        return Decision.SPLIT if self.size > 1 else Decision.GIVE_UP

    def backoff_seconds(self, category: ErrorCategory, rng: random.Random) -> float:
        """Return how long this batch alone waits before its next attempt: full jitter, doubling up to half a minute.

        A throttle waits at the limiter instead, with every other batch for the host.
        """
        if category in (ErrorCategory.THROTTLED, ErrorCategory.BLOCKED):
            return 0.0
        ceiling = FIRST_BACKOFF_SECONDS * 2.0 ** min(self.errors[category] - 1, 10)
        return rng.uniform(0, min(LONGEST_BACKOFF_SECONDS, ceiling))
