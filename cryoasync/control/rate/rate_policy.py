"""How many requests a source allows, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

NANOSECONDS = 1_000_000_000
"""Nanoseconds in a second; the permit log counts in whole nanoseconds, so that no rounding ever adds up."""


MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountWindow:
    """At most ``limit`` requests in any ``seconds``."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTimeWindow:
    """At most ``limit_seconds`` of the server's running time in any ``seconds``."""

    limit_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """How much of each window is taken: ``counts`` in the order of the policy's windows, running time in seconds."""

    counts: tuple[int, ...]
    running_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePolicy:
    """The windows a source counts, every one of them sliding.

    Attributes:
        counts: windows over the number of requests.
        running_time: the window over the server's running time, where the source has one.
        guard_seconds: what each window is lengthened by. The source counts arrivals and we count sends, so the
            spread of the one-way latency must fit in here, with ``tolerance_seconds``.
        tolerance_seconds: how long after its slot a permit may still be used. It is not above the guard.
    """

    counts: tuple[CountWindow, ...] = ()
    running_time: RunningTimeWindow | None = None
    guard_seconds: float = 0.04
    tolerance_seconds: float = 0.02

    @property
    def is_unlimited(self) -> bool:
        """Whether there is nothing to keep to, as with a simulator under load."""
        return not self.counts and self.running_time is None

    @property
    def requests_per_second(self) -> float:
        """The ceiling over long times, guard left out; infinite without a window."""
        return min((window.limit / window.seconds for window in self.counts), default=float("inf"))

    @property
    def horizon_seconds(self) -> float:
        """How long a permit matters after it was used."""
        spans = [window.seconds for window in self.counts]
        if self.running_time is not None:
            spans.append(self.running_time.seconds)
        return max(spans, default=0.0) + self.guard_seconds

    @property
    def requests_in_a_second(self) -> int | None:
        """What the window of one second allows; ``None`` without one."""
        return min((window.limit for window in self.counts if window.seconds == 1.0), default=None)

    @property
    def running_seconds_in_a_minute(self) -> float | None:
        """What the window of a minute allows of running time; ``None`` without one."""
        window = self.running_time
        return window.limit_seconds if window is not None and window.seconds == MINUTE_SECONDS else None

    def own_part(self, use: BudgetUse) -> BudgetUse:
        """Return a use of this policy with further windows as a use of this policy alone."""
        return replace(use, counts=use.counts[: len(self.counts)])

    def percents_of_a_minute(self, use: BudgetUse) -> dict[str, float]:
        """Return how much of each window of a minute is used, by the names that X-Throttling-Control has for them."""
        percents = {}
        for window, used in zip(self.counts, use.counts, strict=False):
            if window.seconds == MINUTE_SECONDS:
                percents["request count"] = 100 * used / window.limit
        if self.running_time is not None and self.running_time.seconds == MINUTE_SECONDS:
            percents["request time"] = 100 * use.running_seconds / self.running_time.limit_seconds
        return percents

    def with_windows(self, windows: Sequence[CountWindow]) -> "RatePolicy":
        """Return this policy with further windows, which can only tighten it."""
        return replace(self, counts=(*self.counts, *windows)) if windows else self

    def limited_in_a_minute(self, requests: int | None) -> "RatePolicy":
        """Return this policy with at most ``requests`` in a minute."""
        return (
            self
            if requests is None
            else self.with_windows([CountWindow(limit=requests, seconds=MINUTE_SECONDS)])
        )

    def limited_in_running_time(self, seconds: float | None) -> "RatePolicy":
        """Return this policy with at most so many seconds in its window of running time."""
        window = self.running_time
        if window is None or seconds is None:
            return self
        limit_seconds = min(seconds, window.limit_seconds)
        return replace(self, running_time=replace(window, limit_seconds=limit_seconds))

    def limited_to(self, requests: int) -> "RatePolicy":
        """Return this policy with at most ``requests`` in its window of one second."""
        return replace(
            self,
            counts=tuple(
                replace(window, limit=min(requests, window.limit)) if window.seconds == 1.0 else window
                for window in self.counts
            ),
        )

    def lowered_to(self, requests_per_second: float | None) -> "RatePolicy":
        """Return this policy with a further ceiling; it never raises what the source allows."""
        if requests_per_second is None:
            return self
        ceiling = CountWindow(limit=1, seconds=1 / requests_per_second)
        return replace(self, counts=(*self.counts, ceiling))
