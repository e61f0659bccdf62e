"""Plays one client against one server as discrete events in virtual time."""

import hashlib
import heapq
import math
import random
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from benchmarks.laboratory.clients import THROTTLES, Client
from benchmarks.laboratory.scenarios import CHUNK, Scenario
from benchmarks.laboratory.server import Answer, Kind, Server, Tally

IN_FLIGHT = 16
LATENCY_SECONDS = (0.02, 0.06)
SPINS = 20_000
"""Steps without the clock moving, after which a client is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a play came to: rows in the part that is scored, requests, and what the server counted.

    ``digest`` is of every event, with its time: equal plays have equal ones.
    """

    rows: int
    requests: int
    most_sent_in_a_second: int
    tally: Tally
    digest: str


class Sizes(Protocol):
    """Decides how many ids the next request carries."""

    def choose(self, now: float) -> int:
        """Return a size."""
        ...

    def answered(self, size: int, seconds: float, *, failed: bool) -> None:
        """Learn from an answer that was no refusal."""
        ...


class _Play:
    def __init__(self, client: Client, scenario: Scenario, rng: random.Random, sizes: Sizes | None) -> None:
        self._client = client
        self._sizes = sizes
        self._size_of: dict[int, int] = {}
        self._digest = hashlib.blake2b(digest_size=8)
        self._scenario = scenario
        self._rng = rng
        self._server = Server(scenario.model, rng)
        self._events: list[tuple[float, int, int, Answer | None]] = []
        self._order, self._numbers = count(), count(1)
        self._now = 0.0
        self._in_flight = self._rows = self._requests = self._most = 0
        self._last_second: deque[float] = deque()

    def run(self) -> Result:
        spins, before = 0, -1.0
        while self._now < self._scenario.seconds:
            spins = spins + 1 if self._now == before else 0
            before = self._now
            if spins > SPINS:
                raise RuntimeError(f"the client spins at second {self._now}")
            self._step()
        return Result(
            rows=self._rows,
            requests=self._requests,
            most_sent_in_a_second=self._most,
            tally=self._server.tally,
            digest=self._digest.hexdigest(),
        )

    def _step(self) -> None:
        send_at = self._next_send() if self._in_flight < IN_FLIGHT else math.inf
        if self._events and self._events[0][0] <= send_at:
            self._now, _, number, answer = heapq.heappop(self._events)
            self._digest.update(f"{self._now!r} {number} {answer}\n".encode())
            if answer is None:
                self._arrive(number)
            else:
                self._return(number, answer)
        elif send_at == math.inf:
            raise RuntimeError(f"nothing ever happens again after second {self._now}")
        elif send_at > self._now:
            self._now = send_at
        else:
            self._send()

    def _next_send(self) -> float:
        """Return when the client sends next; its timers end at steps of its clock."""
        read = self._clock()
        send_at, step = self._client.next_send(read), self._scenario.clock_seconds
        if send_at <= read or not step or send_at == math.inf:
            return send_at
        return math.ceil(send_at / step) * step

    def _clock(self) -> float:
        """Read the client's clock."""
        step = self._scenario.clock_seconds
        return math.floor(self._now / step) * step if step else self._now

    def _send(self) -> None:
        number = next(self._numbers)
        self._size_of[number] = CHUNK if self._sizes is None else self._sizes.choose(self._now)
        self._client.sent(number, self._clock())
        self._in_flight += 1
        self._requests += 1
        self._last_second.append(self._now)
        while self._last_second[0] <= self._now - 1.0:
            self._last_second.popleft()
        self._most = max(self._most, len(self._last_second))
        self._schedule(self._rng.uniform(*LATENCY_SECONDS), number, None)

    def _arrive(self, number: int) -> None:
        answer = self._server.arrive(self._now, self._size_of[number])
        self._schedule(
            answer.seconds + answer.body_seconds + self._rng.uniform(*LATENCY_SECONDS), number, answer
        )

    def _return(self, number: int, answer: Answer) -> None:
        self._in_flight -= 1
        size = self._size_of.pop(number)
        self._client.answered(number, answer, self._clock())
        if self._sizes is not None and answer.kind not in THROTTLES:
            self._sizes.answered(size, answer.seconds, failed=answer.kind is not Kind.ROWS)
        if answer.kind is Kind.ROWS and self._scenario.scored_from <= self._now < self._scenario.seconds:
            self._rows += size

    def _schedule(self, after: float, number: int, answer: Answer | None) -> None:
        heapq.heappush(self._events, (self._now + after, next(self._order), number, answer))


def play(client: Client, scenario: Scenario, rng: random.Random, sizes: Sizes | None = None) -> Result:
    """Return what ``client`` gets out of ``scenario``; the same ``rng`` plays the same.

    Without ``sizes`` every request carries 200 ids.

    Raises:
        RuntimeError: the client waits for ever, or spins.
    """
    return _Play(client, scenario, rng, sizes).run()
