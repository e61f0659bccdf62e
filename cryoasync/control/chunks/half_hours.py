"""What requests took at each half-hour of weekdays and weekends: learned, kept, and used as a prior."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import TypeAlias

HALF_HOURS = 48
SATURDAY = 5
NEWEST_WEIGHT = 0.5
"""How much of what is known of a half-hour its last visit makes up."""

HalfHour: TypeAlias = int
"""A half-hour of a weekday (0 to 47) or of a weekend (48 to 95), in the source's own time."""


def half_hour_of(time_of_day: time, day_of_week: int) -> HalfHour:
    """Return the half-hour of a moment; the week begins with Monday as day 0."""
    return 2 * time_of_day.hour + time_of_day.minute // 30 + (HALF_HOURS if day_of_week >= SATURDAY else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualCost:
    """What a request to an endpoint took in the mean."""

    base_seconds: float
    seconds_an_id: float
    hazard: float

    def mixed(self, newer: "UsualCost") -> "UsualCost":
        """Return the mean of this and a newer one."""
        kept = 1 - NEWEST_WEIGHT
        return UsualCost(
            base_seconds=kept * self.base_seconds + NEWEST_WEIGHT * newer.base_seconds,
            seconds_an_id=kept * self.seconds_an_id + NEWEST_WEIGHT * newer.seconds_an_id,
            hazard=kept * self.hazard + NEWEST_WEIGHT * newer.hazard,
        )


Costs: TypeAlias = Mapping[str, UsualCost]
"""By endpoint."""


class HalfHourTable:
    """Usual costs by half-hour; an immutable value once it is handed out."""

    def __init__(self, costs: Mapping[HalfHour, Costs] | None = None, latest: Costs | None = None) -> None:
        """Start from an earlier table; ``latest`` is what was seen last, at whatever time."""
        self._costs = {half_hour: dict(known) for half_hour, known in (costs or {}).items()}
        self.latest: Costs = latest or {}

    @property
    def costs(self) -> Mapping[HalfHour, Costs]:
        """What is known of each half-hour."""
        return self._costs

    def usual(self, half_hour: HalfHour, endpoint: str) -> UsualCost | None:
        """Return what is known of an endpoint at a half-hour."""
        return self._costs.get(half_hour, {}).get(endpoint)

    def with_visit(self, half_hour: HalfHour, seen: Costs) -> "HalfHourTable":
        """Return the table after a visit to a half-hour."""
        known = self._costs.get(half_hour, {})
        mixed = {name: known[name].mixed(cost) if name in known else cost for name, cost in seen.items()}
        return HalfHourTable(self._costs | {half_hour: {**known, **mixed}}, {**self.latest, **seen})
