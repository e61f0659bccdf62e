"""What a limiter did with its permits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryoasync.control.rate.rate_decision import RateDecision
from cryoasync.control.rate.rate_policy import BudgetUse

CHANGES_TOLD = 5


@dataclass(slots=True, kw_only=True)
class EndpointPermits:
    """Permits for one endpoint: used for a request, wasted (given back), and used for one that was refused."""

    used: int = 0
    wasted: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStatistics:
    """What the limiter did, and how it stands.

    Attributes:
        endpoints: the permits by endpoint.
        expired: permits that nobody wanted, or could take, when their moment came.
        waited_seconds: how long all requests together waited for their permits.
        held_seconds: how long the host is left alone from now on.
        is_blocked: whether the host is left alone because it blocks this address.
        use: how much of each window of the policy is taken.
        ceiling: the most requests a second that were asked for at run time, if that was done.
        said: how much of its quotas the source says is used, as percentages: the worst of the last minute.
        pace: what the cautious pace of the hour is called, where one binds.
        minute_limit: the requests of a minute that seem to be let in, where that is less than the policy allows.
        running_limit_seconds: the running time of a minute that seems to be let in, where that is what binds.
        decision: the rate in force below the policy's, where one is inferred.
        decisions: the last changes of it, the latest last.
    """

    endpoints: Mapping[str, EndpointPermits]
    expired: int
    waited_seconds: float
    held_seconds: float
    is_blocked: bool
    use: BudgetUse
    ceiling: float | None
    said: Mapping[str, int] = field(default_factory=dict)
    pace: str | None = None
    minute_limit: int | None = None
    running_limit_seconds: float | None = None
    decision: RateDecision | None = None
    decisions: tuple[RateDecision, ...] = ()

    @property
    def used(self) -> int:
        """Permits that a request went out with."""
        return sum(each.used for each in self.endpoints.values())

    @property
    def wasted(self) -> int:
        """Permits that no request went out with."""
        return self.expired + sum(each.wasted for each in self.endpoints.values())

    @property
    def refused(self) -> int:
        """Permits whose request the source refused for policy reasons."""
        return sum(each.refused for each in self.endpoints.values())

    @property
    def efficiency(self) -> float | None:
        """The part of all permits whose request was let in; ``None`` before the first."""
        taken = self.used + self.wasted
        return (self.used - self.refused) / taken if taken else None

    def rate_json(self, now: float) -> dict[str, Any] | None:
        """Return the rate in force and how it came to be, as JSON values; ``None`` where none is inferred."""
        if self.decision is None:
            return None
        changes = [
            {"seconds_ago": now - decision.at, **decision.to_json()}
            for decision in self.decisions[-CHANGES_TOLD:]
        ]
        return {
            **self.decision.to_json(),
            "pace": self.pace,
            "minute_limit": self.minute_limit,
            "running_limit_seconds": self.running_limit_seconds,
            "changes": changes,
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "used": self.used,
            "wasted": self.wasted,
            "refused": self.refused,
            "efficiency": self.efficiency,
            "endpoints": {
                name: {"used": each.used, "wasted": each.wasted, "refused": each.refused}
                for name, each in self.endpoints.items()
            },
            "in_windows": list(self.use.counts),
            "waited_seconds": self.waited_seconds,
            "ceiling": self.ceiling,
            "source_says": dict(self.said),
        }
