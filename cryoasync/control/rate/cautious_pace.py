"""A pace by the time of day at the source, that refusals slow down further: for who wants to be more than polite."""

from dataclasses import dataclass
from datetime import datetime

from cryoasync.control.rate.hour_table import WEEKEND_FROM, HourSlot, slot_of

MOST_STEPS = 30
"""Every strategy has reached its longest delay by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How fast to ask at certain times.

    Attributes:
        name: what it is called where it is told of.
        requests_per_second: while nothing is refused.
        backoff: what the time between two requests is multiplied with at each refusal.
        longest_delay_seconds: the most that this makes it.
    """

    name: str
    requests_per_second: float
    backoff: float
    longest_delay_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The strategies of a week, in the source's own time; ``business_hours`` are from the first up to the second."""

    business: Strategy
    night: Strategy
    weekend: Strategy
    business_hours: tuple[int, int]

    def at(self, slot: HourSlot) -> Strategy:
        """Return the strategy of an hour."""
        if slot >= WEEKEND_FROM:
            return self.weekend
        first, end = self.business_hours
        return self.business if first <= slot < end else self.night


class CautiousPace:
    """The rate of a timetable, lower after refusals."""

    def __init__(self, timetable: Timetable) -> None:
        """Begin at the rate of the hour."""
        self._timetable = timetable
        self._steps = 0
        self._refused_at = float("-inf")

    def name(self, local: datetime) -> str:
        """Return what the pace of a moment is called, and how fast it is now."""
        strategy = self._timetable.at(slot_of(local))
        return f"{strategy.name}, {self.requests_per_second(local):.3g} a second"

    def requests_per_second(self, local: datetime) -> float:
        """Return the rate at a moment of the source's day."""
        strategy = self._timetable.at(slot_of(local))
        delay = strategy.backoff**self._steps / strategy.requests_per_second
        longest = max(strategy.longest_delay_seconds, 1 / strategy.requests_per_second)
        return 1 / min(delay, longest)

    def refused(self, sent_at: float, now: float) -> None:
        """Slow down; requests that were under way at the last refusal are part of the same event."""
        if sent_at >= self._refused_at and self._steps < MOST_STEPS:
            self._steps += 1
            self._refused_at = now

    def accepted(self) -> None:
        """Go back towards the hour's own rate."""
        self._steps = max(0, self._steps - 1)
