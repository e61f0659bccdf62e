"""What the simulator has seen: counts, peaks of every window, and how often its clients broke one."""

from collections import Counter, deque

import msgspec

from cryoasync.simulator.policy import MINUTE, SECOND, Limits, SlidingWindow

_KEPT_ARRIVALS = 50_000


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a simulator since it started or was reset last.

    ``violations`` counts the arrivals with which a window of the published policy held more than it allows,
    refused arrivals included; peaks are the most that any window held. ``running_seconds_peak`` is the
    largest running time inside a minute. ``arrivals`` are the times of the latest requests, in seconds since
    the simulator started or was reset.
    """

    scenario: str
    seed: int
    requests: int
    ids: int
    refused: int
    violations: int
    blocks: int
    peak_per_second: int
    peak_per_minute: int
    running_seconds_peak: float
    endpoints: dict[str, int]
    statuses: dict[str, int]
    faults: dict[str, int]
    arrivals: list[float]


class TrafficMonitor:
    """Counts; sees every arrival before the policy decides about it."""

    def __init__(self, limits: Limits | None) -> None:
        """Without limits nothing is a violation."""
        self._limits = limits
        self._second = SlidingWindow(SECOND)
        self._minute = SlidingWindow(MINUTE)
        self._arrivals: deque[float] = deque(maxlen=_KEPT_ARRIVALS)
        self._peaks = [0, 0]
        self._running_peak = 0.0
        self.requests = 0
        self.ids = 0
        self.refused = 0
        self.violations = 0
        self.endpoints: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def arrive(self, now: float, running_seconds: float) -> None:
        """Note an arrival, and the running time used when it came."""
        self.requests += 1
        self._arrivals.append(now)
        self._second.add(now)
        self._minute.add(now)
        counts = self._second.count(now), self._minute.count(now)
        self._peaks = [max(pair) for pair in zip(self._peaks, counts, strict=True)]
        self._running_peak = max(self._running_peak, running_seconds)
        if self._limits is not None and (
            counts[0] > self._limits.requests_per_second
            or counts[1] > self._limits.requests_per_minute
            or running_seconds >= self._limits.running_seconds_per_minute
        ):
            self.violations += 1

    def summary(self, scenario: str, seed: int, blocks: int) -> Statistics:
        """Return the counts so far."""
        return Statistics(
            scenario=scenario,
            seed=seed,
            requests=self.requests,
            ids=self.ids,
            refused=self.refused,
            violations=self.violations,
            blocks=blocks,
            peak_per_second=self._peaks[0],
            peak_per_minute=self._peaks[1],
            running_seconds_peak=round(self._running_peak, 6),
            endpoints=dict(self.endpoints),
            statuses=dict(self.statuses),
            faults=dict(self.faults),
            arrivals=[round(time, 6) for time in self._arrivals],
        )
