"""What a chunk of some size costs and brings, and the choice of a size, as values that can be recomputed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryoasync.control.chunks.half_hours import HalfHour
from cryoasync.control.chunks.time_model import TimeLine

INDIFFERENCE = 0.005
"""Of sizes that bring as much to half a per cent, the largest is chosen: it takes the fewest requests."""

SLOWEST_RATE = 1e-6
"""Requests a second that are taken for the rate where a source allows none for a while."""

QUANTILE_99 = 2.326
"""So many deviations above the mean lie the slowest hundredth of answers."""


class Limit(StrEnum):
    """What keeps a chunk from bringing more compounds a second."""

    RATE = "rate"
    """The requests a second."""
    RUNNING_TIME = "running time"
    """The source's time for all requests."""
    HAZARD = "hazard"
    """A larger chunk fails too often."""
    TIMEOUT = "timeout"
    """A larger chunk may take longer than the source works on one."""
    CEILING = "ceiling"
    """Larger chunks were refused as too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What there is to spend.

    Attributes:
        requests_per_second: that may be sent; infinite without a limit.
        running_seconds_per_second: of the source's time, that may be used in a second.
        longest_seconds: that an answer may take; all but a hundredth must take less.
    """

    requests_per_second: float
    running_seconds_per_second: float
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCost:
    """What a request to one endpoint takes, as believed in or drawn.

    Attributes:
        line: the seconds by the number of ids.
        spread: the deviation of an answer's time, as a part of it.
        hazard: failures an id.
    """

    endpoint: str
    line: TimeLine
    spread: float
    hazard: float

    def longest_ids(self, longest_seconds: float) -> float:
        """Return the ids about which all but a hundredth of the answers take less than ``longest_seconds``."""
        spare = longest_seconds / math.exp(QUANTILE_99 * self.spread) - self.line.base_seconds
        return (
            spare / self.line.seconds_an_id if self.line.seconds_an_id > 0 else math.copysign(math.inf, spare)
        )


class ChunkCost:
    """What a whole chunk takes: a request to each endpoint."""

    def __init__(self, costs: Sequence[EndpointCost], budget: Budget) -> None:
        """Add up ``costs``; the lines of all endpoints make one."""
        base = slope = hazard = 0.0
        for cost in costs:
            base += cost.line.base_seconds
            slope += cost.line.seconds_an_id
            hazard += cost.hazard
        self._base = base / budget.running_seconds_per_second
        self._slope = slope / budget.running_seconds_per_second
        self._hazard = hazard
        self._least = max(1e-9, len(costs) / max(SLOWEST_RATE, budget.requests_per_second))
        self.longest_ids = min(cost.longest_ids(budget.longest_seconds) for cost in costs)

    def compounds_per_second(self, sizes: Sequence[int]) -> list[float]:
        """Return how many compounds chunks of each of ``sizes`` bring in a second of the budget."""
        base, slope, hazard, least, exp = self._base, self._slope, self._hazard, self._least, math.exp
        return [
            size * exp(-hazard * size) / (seconds if (seconds := base + slope * size) > least else least)
            for size in sizes
        ]

    def best(self, sizes: Sequence[int]) -> int:
        """Return the size that brings most, of ascending ``sizes`` that are safe; the smallest where none is."""
        safe = (
            sizes if sizes[-1] <= self.longest_ids else [size for size in sizes if size <= self.longest_ids]
        )
        if not safe:
            return sizes[0]
        worth = self.compounds_per_second(safe)
        enough = (1 - INDIFFERENCE) * max(worth)
        return next(
            size for size, each in zip(reversed(safe), reversed(worth), strict=True) if each >= enough
        )

    def limit(self, size: int, sizes: Sequence[int], largest: int) -> Limit:
        """Return what keeps ``size``, chosen of ``sizes``, from bringing more; ``largest`` is the largest of all."""
        larger = next((each for each in sizes if each > size), None)
        if larger is None:
            if size < largest:
                return Limit.CEILING
        elif larger > self.longest_ids:
            return Limit.TIMEOUT
        elif self._hazard * size > INDIFFERENCE:
            return Limit.HAZARD
        is_rate = self._least >= self._base + self._slope * size
        return Limit.RATE if is_rate else Limit.RUNNING_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkChoice:
    """One choice of a size, with all that it was made of.

    Attributes:
        size: what was chosen.
        sizes: those that were considered, in ascending order; without ``drawn`` the largest of them is taken.
        budget: what there was to spend.
        drawn: each endpoint's cost, drawn from what is believed; empty before there are enough answers.
        expected: each endpoint's cost as most probable.
        half_hour: of the source's week.
    """

    size: int
    sizes: tuple[int, ...]
    budget: Budget
    drawn: tuple[EndpointCost, ...]
    expected: tuple[EndpointCost, ...]
    half_hour: HalfHour

    def recomputed(self) -> int:
        """Return the size that follows from the record: always ``size``."""
        return best_size(self.sizes, self.drawn, self.budget)

    @property
    def best(self) -> int:
        """The size that seems best."""
        return best_size(self.sizes, self.expected if self.drawn else (), self.budget)

    @property
    def explored(self) -> bool:
        """Whether another size than the one that seems best was chosen, to learn."""
        return self.size != self.best


def best_size(sizes: Sequence[int], costs: Sequence[EndpointCost], budget: Budget) -> int:
    """Return the best of ascending ``sizes`` at these costs; the largest where none are known."""
    return ChunkCost(costs, budget).best(sizes) if costs else sizes[-1]
