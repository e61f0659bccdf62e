"""A week of choosing chunk sizes, against a clairvoyant who knows at every minute which size brings most.

Busy hours on weekdays make answers slower and failures more frequent, and incidents come unannounced. What is
scored is the expected number of rows of each choice, so that luck plays no part; what is learned from is luck
like everywhere: answers with noise, that come when they come.
"""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from itertools import count
from typing import Protocol

from cryoasync.control.chunks.chunk_choice import Budget
from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.chunks.half_hours import HalfHourTable
from cryoasync.control.troubles.error_category import ErrorCategory

DAY = 86_400.0
BASE_SECONDS, SECONDS_AN_ID, SPREAD = 0.12, 0.004, 0.25
REQUESTS_PER_SECOND = 5 / 1.04
RUNNING_PER_SECOND = 300 / 60
LONGEST_SECONDS = 25.0
INCIDENTS = 28
ENDPOINT = "property"
CALM_CHUNKS, CHUNKS_TO_ADAPT = 600, 50


class Policy(Protocol):
    """Chooses sizes."""

    def choose(self, now: float) -> int:
        """Return the size of the next chunk, at a second of the week."""
        ...

    def answered(self, size: int, seconds: float, *, failed: bool) -> None:
        """Learn from an answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Some minutes in which everything is different."""

    start: float
    end: float
    slowness: float
    hazard: float


class World:
    """What the source is like at every second of a week that begins on a Monday."""

    def __init__(self, rng: random.Random, largest: int = 200) -> None:
        """Draw the incidents: most of them on weekdays."""
        days = [rng.randrange(5) if rng.random() < 0.9 else rng.randrange(5, 7) for _ in range(INCIDENTS)]
        self.incidents = [self._incident(rng, day) for day in days]
        self._sizes = sorted({*range(5, largest, 5), largest})
        self._best: dict[int, tuple[float, int]] = {}

    @staticmethod
    def _incident(rng: random.Random, day: int) -> Incident:
        start = day * DAY + rng.uniform(0, DAY)
        slowness, hazard = rng.choice([(1.0, 0.01), (4.0, 0.0), (2.5, 0.006)])
        return Incident(
            start=start,
            end=start + rng.uniform(600, 2400),
            slowness=slowness * rng.uniform(0.8, 1.2),
            hazard=hazard * rng.uniform(0.5, 1.5),
        )

    def state(self, now: float) -> tuple[float, float]:
        """Return the slowness, and the failures an id."""
        hour = now % DAY / 3600
        busy = math.sin(math.pi * (hour - 9) / 8) if now < 5 * DAY and 9 <= hour < 17 else 0.0
        slowness, hazard = 1 + busy, 2e-5 + 6e-3 * busy
        for incident in self.incidents:
            if incident.start <= now < incident.end:
                slowness, hazard = slowness * incident.slowness, hazard + incident.hazard
        return slowness, hazard

    def best(self, now: float) -> tuple[float, int]:
        """Return the most rows a second that any size brings, in this minute, and that size."""
        minute = int(now // 60)
        if minute not in self._best:
            state = self.state(60.0 * minute + 30)
            self._best[minute] = max(
                (rows(size, *state) / seconds(size, *state), size) for size in self._sizes
            )
        return self._best[minute]


def rows(size: int, slowness: float, hazard: float) -> float:
    """Return the rows that a chunk is expected to bring."""
    del slowness
    return size * math.exp(-hazard * size)


def seconds(size: int, slowness: float, hazard: float) -> float:
    """Return how long until the next chunk may go out."""
    del hazard
    mean = (BASE_SECONDS + SECONDS_AN_ID * size) * math.exp(SPREAD**2 / 2)
    return max(1 / REQUESTS_PER_SECOND, slowness * mean / RUNNING_PER_SECOND)


class Fixed:
    """Always the same size."""

    def __init__(self, size: int) -> None:
        self._size = size

    def choose(self, now: float) -> int:
        return self._size

    def answered(self, size: int, seconds: float, *, failed: bool) -> None: ...


class Aimd:
    """Half as many after a failure, ten more after a good answer."""

    def __init__(self, smallest: int = 5, largest: int = 200) -> None:
        self._bounds = smallest, largest
        self._size = float(largest)

    def choose(self, now: float) -> int:
        return round(self._size)

    def answered(self, size: int, seconds: float, *, failed: bool) -> None:
        smallest, largest = self._bounds
        self._size = max(smallest, self._size / 2) if failed else min(largest, self._size + 10)


class Arms:
    """Discounted Thompson sampling: an arm a size, each on its own."""

    SIZES = (5, 8, 12, 18, 25, 35, 50, 65, 80, 100, 120, 140, 160, 180, 200)
    KEPT = 0.999

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._weights = dict.fromkeys(self.SIZES, 0.0)
        self._sums = dict.fromkeys(self.SIZES, 0.0)

    def choose(self, now: float) -> int:
        return max(self.SIZES, key=self._draw)

    def _draw(self, size: int) -> float:
        weight = self._weights[size] + 0.01
        mean = (self._sums[size] + 0.01 * 500) / weight
        return self._rng.gauss(mean, 300 / math.sqrt(weight))

    def answered(self, size: int, seconds: float, *, failed: bool) -> None:
        for each in self.SIZES:
            self._weights[each] *= self.KEPT
            self._sums[each] *= self.KEPT
        cost = max(1 / REQUESTS_PER_SECOND, seconds / RUNNING_PER_SECOND)
        self._weights[size] += 1
        self._sums[size] += 0.0 if failed else size / cost


class Learned:
    """The package's own sizer."""

    def __init__(
        self,
        rng: random.Random,
        *,
        smallest: int = 5,
        largest: int = 200,
        table: HalfHourTable | None = None,
        knows_hours: bool = True,
    ) -> None:
        budget = Budget(
            requests_per_second=REQUESTS_PER_SECOND,
            running_seconds_per_second=RUNNING_PER_SECOND,
            longest_seconds=LONGEST_SECONDS,
        )
        self.sizer = AdaptiveChunkSizer(smallest, largest, budget=lambda: budget, rng=rng, table=table)
        self._knows_hours = knows_hours

    def choose(self, now: float) -> int:
        if not self._knows_hours:
            return self.sizer.get_next_chunk_size(time(0), 0)
        minute = int(now // 60)
        return self.sizer.get_next_chunk_size(time(minute // 60 % 24, minute % 60), minute // (24 * 60) % 7)

    def answered(self, size: int, seconds: float, *, failed: bool) -> None:
        error = ErrorCategory.TOO_BIG if failed else None
        self.sizer.record_result(size, 0.0 if failed else 1.0, seconds, error, ENDPOINT)


def play_week(
    policy: Policy, world: World, rng: random.Random, *, start: float = 0.0, end: float = 7 * DAY
) -> Sequence[float]:
    """Return, for each day from ``start`` to ``end``, the part of the clairvoyant's rows that ``policy`` expects."""
    days = math.ceil((end - start) / DAY)
    got, possible = [0.0] * days, [0.0] * days
    out: list[tuple[float, int, int, float, bool]] = []
    numbers, now = count(), start
    while now < end:
        while out and out[0][0] <= now:
            _, _, size, took, failed = heapq.heappop(out)
            policy.answered(size, took, failed=failed)
        state = world.state(now)
        size = policy.choose(now)
        step = seconds(size, *state)
        day = int((now - start) // DAY)
        got[day] += rows(size, *state)
        possible[day] += step * world.best(now)[0]
        took = state[0] * (BASE_SECONDS + SECONDS_AN_ID * size) * rng.lognormvariate(0.0, SPREAD)
        failed = rng.random() > math.exp(-state[1] * size)
        heapq.heappush(out, (now + took, next(numbers), size, took, failed))
        now += step
    return [100 * part / whole for part, whole in zip(got, possible, strict=True)]


def play_change(policy: Policy, slowness: float, hazard: float, rng: random.Random) -> float:
    """Return the part of the best size's rows that chunks 51 to 150 bring after an abrupt change."""
    shares = []
    best = max(rows(size, slowness, hazard) / seconds(size, slowness, hazard) for size in range(5, 201, 5))
    for number in range(-CALM_CHUNKS, 150):
        state = (1.0, 0.0) if number < 0 else (slowness, hazard)
        size = policy.choose(0.0)
        took = state[0] * (BASE_SECONDS + SECONDS_AN_ID * size) * rng.lognormvariate(0.0, SPREAD)
        policy.answered(size, took, failed=rng.random() > math.exp(-state[1] * size))
        if number >= CHUNKS_TO_ADAPT:
            shares.append(rows(size, *state) / seconds(size, *state) / best)
    return 100 * sum(shares) / len(shares)
