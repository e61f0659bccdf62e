"""The circuits of a source: one an endpoint, and one for the host above them."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from cryoasync.control.call_window import CallCounts
from cryoasync.control.circuit import (
    Admission,
    Circuit,
    CircuitPolicy,
    CircuitState,
    Outcome,
    Transition,
)
from cryoasync.ports import Clock

ENDPOINTS_THAT_MAKE_A_HOST = 3
"""So many open endpoints, or all of them where there are two, are one outage: the host's."""


@dataclass(frozen=True, slots=True)
class Pass:
    """An admission, and the circuits that gave it."""

    endpoint: str
    of_host: Admission
    of_endpoint: Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitStatistics:
    """One circuit as it stands: its state, the requests in its window, when it changes, its last changes."""

    state: CircuitState
    counts: CallCounts
    changes_in_seconds: float
    transitions: tuple[Transition, ...]


class SharedCircuitBreaker:
    """Makes requests wait while an endpoint, or its host, is down.

    An outage of the host is found once: as soon as its endpoints are open together their own trials stop,
    and those of the host's circuit decide for all. An open circuit costs no retry and no permit.
    """

    def __init__(
        self, endpoints: tuple[str, ...], *, policy: CircuitPolicy, clock: Clock, rng: random.Random
    ) -> None:
        """Start with every circuit closed."""
        self._clock = clock
        self._host = Circuit(policy, rng)
        self._endpoints = {endpoint: Circuit(policy, rng) for endpoint in endpoints}
        self._changed = asyncio.Event()

    async def wait(self, endpoint: str) -> None:
        """Return when a request to ``endpoint`` may go out; others may be quicker to send theirs."""
        while not self._can_admit(endpoint):
            now = self._clock()
            changes_at = min(circuit.changes_at(now) for circuit in (self._host, self._endpoints[endpoint]))
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(changes_at - now if changes_at < math.inf else None):
                    await self._changed.wait()

    def admit(self, endpoint: str) -> Pass | None:
        """Admit one request that is sent at once; ``None`` where it has to wait.

        Whoever gets a pass records an outcome with it, or withdraws it.
        """
        now = self._clock()
        if not self._can_admit(endpoint):
            return None
        of_host, of_endpoint = self._host.admit(now), self._endpoints[endpoint].admit(now)
        assert of_host is not None, "it can be admitted"
        assert of_endpoint is not None, "it can be admitted"
        return Pass(endpoint, of_host, of_endpoint)

    def record_success(self, admitted: Pass, *, slow: bool = False) -> None:
        """Note an answer that shows the endpoint at work; ``slow`` for what its size does not explain."""
        self._record(admitted, Outcome.SLOW if slow else Outcome.SUCCESS, 0.0)

    def record_failure(self, admitted: Pass, *, retry_after_seconds: float = 0.0) -> None:
        """Note a request that the endpoint, or the way to it, failed."""
        self._record(admitted, Outcome.FAILURE, retry_after_seconds)

    def withdraw(self, admitted: Pass) -> None:
        """Take back a pass whose request told nothing of the endpoint's health."""
        now = self._clock()
        self._host.withdraw(admitted.of_host, now)
        self._endpoints[admitted.endpoint].withdraw(admitted.of_endpoint, now)
        self._changed.set()

    def is_open(self, endpoint: str) -> bool:
        """Whether a request to ``endpoint`` would have to wait."""
        return not self._can_admit(endpoint)

    def isolate(self, reason: str, *, seconds: float = math.inf) -> None:
        """Let nothing through to the host for so long, or until it is closed."""
        self._host.isolate(reason, now := self._clock(), until=now + seconds)
        self._changed.set()

    def close(self, reason: str) -> None:
        """Close every circuit by hand; what made their open times grow is kept."""
        self._each(lambda circuit, now: circuit.close(reason, now))

    def reset(self, reason: str) -> None:
        """Close every circuit by hand, and forget all that was counted."""
        self._each(lambda circuit, now: circuit.reset(reason, now))

    def replace_policy(self, policy: CircuitPolicy) -> None:
        """Decide by ``policy`` from now on."""
        self._each(lambda circuit, _: circuit.replace_policy(policy))

    def get_stats(self) -> Mapping[str, CircuitStatistics]:
        """Return how each circuit stands, by endpoint; the host's is under the empty name."""
        now = self._clock()
        return {name: _statistics(circuit, now) for name, circuit in self._circuits()}

    def _can_admit(self, endpoint: str) -> bool:
        now = self._clock()
        return self._host.can_admit(now) and self._endpoints[endpoint].can_admit(now)

    def _circuits(self) -> list[tuple[str, Circuit]]:
        return [("", self._host), *self._endpoints.items()]

    def _each(self, change: Callable[[Circuit, float], None]) -> None:
        now = self._clock()
        for _, circuit in self._circuits():
            change(circuit, now)
        self._changed.set()

    def _record(self, admitted: Pass, outcome: Outcome, retry_after_seconds: float) -> None:
        now = self._clock()
        endpoint = self._endpoints[admitted.endpoint]
        endpoint.record(admitted.of_endpoint, outcome, now, retry_after_seconds=retry_after_seconds)
        if self._host.state(now) is CircuitState.CLOSED:
            self._host.withdraw(admitted.of_host, now)
            self._find_outage_of_host(now)
        else:
            self._host.record(admitted.of_host, outcome, now, retry_after_seconds=retry_after_seconds)
        self._changed.set()

    def _find_outage_of_host(self, now: float) -> None:
        """Open the host's circuit where its endpoints are down together, and leave the trial to it alone."""
        down = [
            name for name, circuit in self._endpoints.items() if circuit.state(now) is not CircuitState.CLOSED
        ]
        if len(self._endpoints) > 1 and len(down) >= min(ENDPOINTS_THAT_MAKE_A_HOST, len(self._endpoints)):
            self._host.open(f"its endpoints are down: {', '.join(down)}", now)
            for circuit in self._endpoints.values():
                circuit.close("the host's circuit decides", now)


def _statistics(circuit: Circuit, now: float) -> CircuitStatistics:
    return CircuitStatistics(
        state=circuit.state(now),
        counts=circuit.counts(now),
        changes_in_seconds=circuit.changes_at(now) - now,
        transitions=tuple(circuit.transitions),
    )
