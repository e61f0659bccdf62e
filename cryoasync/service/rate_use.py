"""How much of a source's policy is used at the moment, over all processes that share a database."""

from dataclasses import dataclass
from typing import Any

from cryoasync.control.rate.permit_log import PermitLog
from cryoasync.control.rate.rate_policy import NANOSECONDS, RatePolicy
from cryoasync.database.budget_reading import StoredBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowUse:
    """Permits used in the last ``seconds``, of ``limit``."""

    seconds: float
    limit: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateUse:
    """The budget of one host.

    Attributes:
        windows: over the number of requests.
        running_seconds: of the source's running time used in its window, the limit of that window, and its
            length; ``None`` where the policy has no such window.
        next_permit_seconds: how long until one more request may go out; 0 is at once.
    """

    host: str
    windows: tuple[WindowUse, ...]
    running_seconds: tuple[float, float, float] | None
    next_permit_seconds: float

    @property
    def is_in_use(self) -> bool:
        """Whether anything sent in a window, or a refusal, still counts."""
        return any(window.used for window in self.windows) or self.next_permit_seconds > 0

    def to_json(self) -> dict[str, Any]:
        """Return what ``status --json`` prints."""
        running = None
        if self.running_seconds is not None:
            used, limit, seconds = self.running_seconds
            running = {"seconds": seconds, "limit": limit, "used": used}
        return {
            "host": self.host,
            "windows": [{"seconds": w.seconds, "limit": w.limit, "used": w.used} for w in self.windows],
            "running_seconds": running,
            "next_permit_seconds": self.next_permit_seconds,
        }


def rate_use(budget: StoredBudget, policy: RatePolicy) -> RateUse | None:
    """Return the use of a stored budget under ``policy``; ``None`` where the log is none that can be read."""
    try:
        log = PermitLog.load(policy, budget.log, 0)
    except ValueError:
        return None
    now = round(budget.now * NANOSECONDS)
    use = log.use(now)
    running = policy.running_time
    return RateUse(
        host=budget.host,
        windows=tuple(
            WindowUse(seconds=window.seconds, limit=window.limit, used=used)
            for window, used in zip(policy.counts, use.counts, strict=True)
        ),
        running_seconds=None
        if running is None
        else (use.running_seconds, running.limit_seconds, running.seconds),
        next_permit_seconds=(log.earliest(now, 0) - now) / NANOSECONDS,
    )
