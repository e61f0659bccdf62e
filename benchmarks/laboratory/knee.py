"""S11: a source without a quota that answers ever more slowly the more it is asked beyond a knee.

Up to eight requests under way it answers in 0.4 s; beyond, it takes (c/8)^1.5 times as long, fails from twelve
on, refuses above 25 requests a second, and one call in a hundred hangs. Discrete events in virtual time.

``python -m benchmarks.laboratory.knee`` prints a table.
"""

import argparse
import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from itertools import count
from typing import Protocol

from cryoasync.control.concurrency.concurrency_limiter import Call, ConcurrencyLimiter

SERVICE_SECONDS = 0.4
KNEE = 8
IDS = 50
TIMEOUT_SECONDS = 30.0
REFUSED_ABOVE = 25
SPREAD = 0.15
HOLD_SECONDS = 1.0
"""How long every client leaves the source alone after a refusal."""
MOST_UNDER_WAY = 64
KNEE_RATE = KNEE / SERVICE_SECONDS


class End(Enum):
    """How a call ended."""

    GOOD = auto()
    FAILED = auto()
    REFUSED = auto()
    LOST = auto()


class ConcurrencyClient(Protocol):
    """Decides how many calls are under way."""

    def can_send(self, now: float) -> bool:
        """Whether a call may go out now."""
        ...

    def changes_at(self, now: float) -> float:
        """Return when that changes by time alone."""
        ...

    def sent(self, number: int, now: float) -> float:
        """Note a call, and return how long it is waited for."""
        ...

    def ended(self, number: int, end: End, seconds: float, now: float) -> None:
        """Note how it ended."""
        ...


class Learned:
    """The package's own limiter."""

    def __init__(self) -> None:
        self.limiter = ConcurrencyLimiter(1, 16, timeout_seconds=TIMEOUT_SECONDS)
        self._calls: dict[int, Call] = {}

    def can_send(self, now: float) -> bool:
        return self.limiter.can_send(now)

    def changes_at(self, now: float) -> float:
        return self.limiter.changes_at(now)

    def sent(self, number: int, now: float) -> float:
        self._calls[number] = self.limiter.sent(now, IDS)
        return self.limiter.deadline_seconds(IDS)

    def ended(self, number: int, end: End, seconds: float, now: float) -> None:
        call = self._calls.pop(number)
        match end:
            case End.GOOD:
                self.limiter.answered(call, seconds)
            case End.FAILED:
                self.limiter.failed(call)
            case End.REFUSED:
                self.limiter.refused(call)
            case End.LOST:
                self.limiter.lost(call, seconds)


class Fixed:
    """Always the same number under way; the base of what follows."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.under_way = 0

    def can_send(self, now: float) -> bool:
        return self.under_way < int(self.limit)

    def changes_at(self, now: float) -> float:
        return math.inf

    def sent(self, number: int, now: float) -> float:
        self.under_way += 1
        return TIMEOUT_SECONDS

    def ended(self, number: int, end: End, seconds: float, now: float) -> None:
        self.under_way -= 1


class Arc(Fixed):
    """Vector's adaptive concurrency: one more a round trip while answers are quick, a tenth less else."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self._mean = self._variance = 0.0
        self._seen: list[float] = []
        self._pressed = False
        self._round_ends = 0.0

    def ended(self, number: int, end: End, seconds: float, now: float) -> None:
        full = self.under_way >= int(self.limit)
        super().ended(number, end, seconds, now)
        if end is End.GOOD:
            self._seen.append(seconds)
        else:
            self._pressed = True
        if now < self._round_ends or not self._seen:
            return
        current = sum(self._seen) / len(self._seen)
        threshold = self._mean + 2.5 * math.sqrt(self._variance)
        if self._pressed or (self._mean and current >= threshold):
            self.limit = max(1.0, 0.9 * self.limit)
        elif full and current <= (self._mean or current):
            self.limit = min(MOST_UNDER_WAY, self.limit + 1)
        difference = current - (self._mean or current)
        self._mean = (self._mean or current) + 0.4 * difference
        self._variance = 0.6 * (self._variance + 0.4 * difference**2)
        self._seen, self._pressed, self._round_ends = [], False, now + current


class Gradient2(Fixed):
    """Netflix's Gradient2 with a queue of 1, a bound of 16, and the correlation of number and rate as a guard."""

    def __init__(self) -> None:
        super().__init__(4.0)
        self._long = 0.0
        self._seen: list[float] = []
        self._windows: deque[tuple[float, float]] = deque(maxlen=30)

    def ended(self, number: int, end: End, seconds: float, now: float) -> None:
        under_way = self.under_way
        super().ended(number, end, seconds, now)
        if end is End.REFUSED:
            self.limit = max(1.0, 0.7 * self.limit)
        if end is not End.GOOD:
            return
        self._long += (seconds - self._long) / 600 if self._long else seconds
        self._seen.append(seconds)
        if len(self._seen) < 10:
            return
        short = sum(self._seen) / len(self._seen)
        self._seen.clear()
        self._windows.append((under_way, under_way / short))
        if self._correlation() < 0:
            self.limit = max(1.0, self.limit - 1)
        elif under_way >= self.limit / 2:
            gradient = max(0.5, min(1.0, 1.5 * self._long / short))
            self.limit = min(16.0, 0.8 * self.limit + 0.2 * (self.limit * gradient + 1))

    def _correlation(self) -> float:
        if len(self._windows) < 10:
            return 1.0
        x = [under_way for under_way, _ in self._windows]
        y = [rate for _, rate in self._windows]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        shared = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        own = sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)
        return shared / math.sqrt(own) if own else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KneeResult:
    """What a play came to: good answers a second in its scored part, their residuals, and the rest."""

    rate: float
    residuals: list[float]
    failed: int
    refused: int
    lost: int


class _Knee:
    def __init__(
        self, client: ConcurrencyClient, rng: random.Random, seconds: float, scored_from: float, hangs: float
    ) -> None:
        self._client, self._rng = client, rng
        self._seconds, self._scored_from, self._hangs = seconds, scored_from, hangs
        self._events: list[tuple[float, int, float, End, bool]] = []
        self._numbers = count(1)
        self._now = 0.0
        self._in_service = 0
        self._held_until = 0.0
        self._arrivals: deque[float] = deque()
        self._ends = dict.fromkeys(End, 0)
        self._residuals: list[float] = []

    def run(self) -> KneeResult:
        while self._now < self._seconds:
            while self._now >= self._held_until and self._client.can_send(self._now):
                self._send()
            wakes = self._client.changes_at(self._now)
            if self._held_until > self._now:
                wakes = self._held_until
            if self._events and self._events[0][0] <= wakes:
                self._end_first()
            else:
                self._now = wakes
        return KneeResult(
            rate=len(self._residuals) / (self._seconds - self._scored_from),
            residuals=self._residuals,
            failed=self._ends[End.FAILED],
            refused=self._ends[End.REFUSED],
            lost=self._ends[End.LOST],
        )

    def _send(self) -> None:
        number = next(self._numbers)
        patience = self._client.sent(number, self._now)
        end, seconds = self._answer()
        in_service = end is End.GOOD
        self._in_service += in_service
        if seconds > patience:
            end, seconds = End.LOST, patience
        heapq.heappush(self._events, (self._now + seconds, number, seconds, end, in_service))

    def _answer(self) -> tuple[End, float]:
        self._arrivals.append(self._now)
        while self._arrivals[0] <= self._now - 1.0:
            self._arrivals.popleft()
        if len(self._arrivals) > REFUSED_ABOVE:
            return End.REFUSED, 0.02
        if self._rng.random() < self._hangs:
            return End.LOST, math.inf
        under_way = self._in_service + 1
        if self._rng.random() < min(0.5, 0.05 * (under_way - 12)):
            return End.FAILED, 0.05
        slowness = max(1.0, under_way / KNEE) ** 1.5
        noise = self._rng.lognormvariate(-(SPREAD**2) / 2, SPREAD)
        return End.GOOD, SERVICE_SECONDS * slowness * noise

    def _end_first(self) -> None:
        self._now, number, seconds, end, in_service = heapq.heappop(self._events)
        self._in_service -= in_service
        self._ends[end] += 1
        if end is End.GOOD and self._scored_from <= self._now < self._seconds:
            self._residuals.append(seconds / SERVICE_SECONDS)
        if end is End.REFUSED:
            self._held_until = self._now + HOLD_SECONDS
        self._client.ended(number, end, seconds, self._now)


def play_knee(
    client: ConcurrencyClient,
    rng: random.Random,
    *,
    seconds: float = 3600.0,
    scored_from: float = 0.0,
    hangs: float = 0.01,
) -> KneeResult:
    """Return what ``client`` gets out of the source; the same ``rng`` plays the same."""
    return _Knee(client, rng, seconds, scored_from, hangs).run()


CLIENTS: Mapping[str, Callable[[], ConcurrencyClient]] = {
    "cryoasync": Learned,
    "fixed 4": lambda: Fixed(4),
    "fixed 8": lambda: Fixed(8),
    "fixed 16": lambda: Fixed(16),
    "AIMD (Vector's ARC)": Arc,
    "Gradient2": Gradient2,
}


def play_client(name: str, hangs: float, seed: int) -> KneeResult:
    """Play a client for an hour."""
    return play_knee(CLIENTS[name](), random.Random(f"{seed} source"), hangs=hangs)


def main() -> None:
    """Print what each client gets."""
    parser = argparse.ArgumentParser(prog="laboratory.knee", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    print("| S11 | seeds | % of the knee: mean | worst | without hangs | hang cost % | p95 of residuals |")
    print("|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor() as pool:
        for name in CLIENTS:
            plays = list(pool.map(partial(play_client, name, 0.01), range(seeds)))
            calm = list(pool.map(partial(play_client, name, 0.0), range(seeds)))
            shares = [100 * each.rate / KNEE_RATE for each in plays]
            mean, without = (sum(each.rate for each in of) / seeds / KNEE_RATE for of in (plays, calm))
            residuals = sorted(residual for each in plays for residual in each.residuals)
            print(
                f"| {name} | {seeds} | {100 * mean:.1f} | {min(shares):.1f} | {100 * without:.1f}"
                f" | {100 * (1 - mean / without):.1f} | {residuals[int(0.95 * len(residuals))]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
