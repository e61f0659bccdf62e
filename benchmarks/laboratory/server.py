"""A model of the source's server in virtual time: windows, running time, refusals, blocks, outages."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from cryoasync.simulator.policy import SlidingWindow

Schedule = Callable[[float], float]
"""A figure that changes in the course of a scenario: of the seconds since its start."""


class Kind(Enum):
    """What an answer is."""

    ROWS = auto()
    THROTTLED = auto()
    BLOCKED = auto()
    OVERLOADED = auto()
    HUNG = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerModel:
    """How the server behaves; times in seconds, rates a second.

    Attributes:
        limit: requests accepted in any second, by time.
        minute_limit: requests accepted in any minute, by time.
        running_limit: seconds of running time in any minute, by time.
        slowness: what the running time is multiplied with, by time.
        chance: the part of requests answered with 503 though they are within the limits, by time.
        outage: how requests fail during an outage, by time; ``None`` outside of one.
        retry_after_seconds: what a refusal asks for.
        refusals_count: whether refused requests fill the windows too.
        refusals_to_block: refusals in a minute that block the address; ``None`` never.
        body_seconds: how long an answer with rows is under way after it was worked out.
        neighbour: requests a second that somebody else sends from the same address, by time.
    """

    limit: Schedule = lambda _: 5
    minute_limit: Schedule = lambda _: 400
    running_limit: Schedule = lambda _: 300
    slowness: Schedule = lambda _: 1
    chance: Schedule = lambda _: 0
    outage: Callable[[float], Kind | None] = lambda _: None
    retry_after_seconds: float | None = None
    refusals_count: bool = False
    refusals_to_block: int | None = None
    neighbour: Schedule = lambda _: 0
    base_seconds: float = 0.12
    seconds_an_id: float = 0.004
    spread: float = 0.25
    timeout_seconds: float = 30.0
    body_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on its way: what, how long the server took, what it asks for, and how long its body is under way."""

    kind: Kind
    seconds: float
    retry_after_seconds: float | None = None
    body_seconds: float = 0.0


@dataclass(slots=True)
class Tally:
    """What the server counted."""

    arrivals: int = 0
    refused: int = 0
    blocks: int = 0
    in_block: int = 0
    most_in_a_second: int = 0
    most_in_a_minute: int = 0


class Server:
    """One server; requests arrive in the order of their times."""

    def __init__(self, model: ServerModel, rng: random.Random) -> None:
        """Start idle."""
        self._model = model
        self._rng = rng
        self._second, self._minute = SlidingWindow(1.0), SlidingWindow(60.0)
        self._all_second, self._all_minute = SlidingWindow(1.0), SlidingWindow(60.0)
        self._refusals = SlidingWindow(60.0)
        self._running: deque[tuple[float, float]] = deque()
        self._running_seconds = 0.0
        self._blocked_until = float("-inf")
        self._neighbour_next = 0.0
        self.tally = Tally()

    def arrive(self, now: float, size: int) -> Answer:
        """Answer a request for ``size`` ids that arrives at ``now``."""
        self._let_the_neighbour_in(now)
        self.tally.arrivals += 1
        for window in (self._all_second, self._all_minute):
            window.add(now)
        self.tally.most_in_a_second = max(self.tally.most_in_a_second, self._all_second.count(now))
        self.tally.most_in_a_minute = max(self.tally.most_in_a_minute, self._all_minute.count(now))
        model = self._model
        outage = model.outage(now)
        if outage is Kind.BLOCKED:
            self.tally.in_block += 1
            self.tally.refused += 1
        if outage is not None:
            seconds = model.timeout_seconds if outage is Kind.HUNG else 0.02
            return Answer(outage, seconds)
        if now < self._blocked_until:
            self.tally.in_block += 1
            self.tally.refused += 1
            self._blocked_until += 5.0
            return Answer(Kind.BLOCKED, 0.01, model.retry_after_seconds)
        seconds = self._seconds(now, size)
        if self._is_over(now):
            return self._refuse(now)
        self._accept(now, seconds)
        if self._rng.random() < model.chance(now):
            return Answer(Kind.THROTTLED, 0.02)
        if seconds > model.timeout_seconds:
            return Answer(Kind.OVERLOADED, model.timeout_seconds)
        return Answer(Kind.ROWS, seconds, body_seconds=model.body_seconds)

    def _seconds(self, now: float, size: int) -> float:
        model = self._model
        mean = (model.base_seconds + model.seconds_an_id * size) * model.slowness(now)
        return mean * self._rng.lognormvariate(0.0, model.spread)

    def _is_over(self, now: float) -> bool:
        model = self._model
        while self._running and self._running[0][0] <= now - 60.0:
            self._running_seconds -= self._running.popleft()[1]
        return (
            self._second.count(now) >= model.limit(now)
            or self._minute.count(now) >= model.minute_limit(now)
            or self._running_seconds >= model.running_limit(now)
        )

    def _accept(self, now: float, seconds: float) -> None:
        self._second.add(now)
        self._minute.add(now)
        self._running.append((now, seconds))
        self._running_seconds += seconds

    def _refuse(self, now: float) -> Answer:
        model = self._model
        self.tally.refused += 1
        if model.refusals_count:
            self._second.add(now)
            self._minute.add(now)
        self._refusals.add(now)
        if model.refusals_to_block is not None and self._refusals.count(now) >= model.refusals_to_block:
            self._blocked_until = now + 120.0 * 2.0**self.tally.blocks
            self._refusals = SlidingWindow(60.0)
            self.tally.blocks += 1
        return Answer(Kind.THROTTLED, 0.01, model.retry_after_seconds)

    def _let_the_neighbour_in(self, now: float) -> None:
        while self._neighbour_next <= now:
            rate = self._model.neighbour(self._neighbour_next)
            if rate and self._second.count(self._neighbour_next) < self._model.limit(self._neighbour_next):
                self._second.add(self._neighbour_next)
                self._minute.add(self._neighbour_next)
            self._neighbour_next += 1 / rate if rate else 1.0
