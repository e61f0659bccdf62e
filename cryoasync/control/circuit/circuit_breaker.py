"""The circuits of a source: one an endpoint, and one for the host above them."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import structlog

from cryoasync.control.circuit.call_window import CallCounts
from cryoasync.control.circuit.circuit import Circuit
from cryoasync.control.circuit.circuit_policy import (
    Admission,
    CircuitPolicy,
    CircuitState,
    Outcome,
    Transition,
)
from cryoasync.ports import Clock

HOST = ""
"""The name under which the host's circuit stands among those of its endpoints."""

ENDPOINTS_THAT_MAKE_A_HOST = 3
"""So many open endpoints, or all of them where there are two, are one outage: the host's."""

TRANSITIONS_TOLD = 5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """An admission to an endpoint, and the circuits that gave it."""

    endpoint: str
    of_host: Admission
    of_endpoint: Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitStatistics:
    """One circuit as it stands.

    Attributes:
        counts: the requests in its window.
        changes_in_seconds: when it changes by itself; infinite where it does not.
        seconds_by_state: what its time went to.
        held: requests that had to wait for it.
        transitions: its last changes, each with its evidence.
    """

    state: CircuitState
    counts: CallCounts
    changes_in_seconds: float
    seconds_by_state: Mapping[CircuitState, float]
    held: int
    transitions: tuple[Transition, ...]

    def to_json(self, now: float) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "state": self.state,
            **asdict(self.counts),
            "changes_in_seconds": self.changes_in_seconds if math.isfinite(self.changes_in_seconds) else None,
            "seconds_by_state": {str(state): seconds for state, seconds in self.seconds_by_state.items()},
            "held": self.held,
            "transitions": [
                {
                    "seconds_ago": now - transition.at,
                    "before": transition.before,
                    "after": transition.after,
                    "evidence": transition.evidence,
                }
                for transition in self.transitions[-TRANSITIONS_TOLD:]
            ],
        }


class SharedCircuitBreaker:
    """Makes requests wait while an endpoint, or its host, is down.

    An outage of the host is found once: as soon as its endpoints are open together their own trials stop,
    and those of the host's circuit decide for all. An open circuit costs no retry and no permit.
    """

    def __init__(self, *, policy: CircuitPolicy, clock: Clock, rng: random.Random) -> None:
        """Start with every circuit closed; an endpoint has its own from its first request on."""
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._host = Circuit(policy, rng, now=clock(), tell=partial(_log_change, HOST))
        self._endpoints: dict[str, Circuit] = {}
        self._held: dict[str, int] = {}
        self._changed = asyncio.Event()

    async def wait(self, endpoint: str) -> Pass:
        """Return a pass for one request as soon as there is one; see :meth:`admit`."""
        given = self.admit(endpoint)
        if given is None:
            self._held[endpoint] = self._held.get(endpoint, 0) + 1
        while given is None:
            now = self._clock()
            changes_at = min(circuit.changes_at(now) for circuit in (self._host, self._of(endpoint)))
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(changes_at - now if changes_at < math.inf else None):
                    await self._changed.wait()
            given = self.admit(endpoint)
        return given

    def admit(self, endpoint: str) -> Pass | None:
        """Admit one request; ``None`` where it has to wait.

        Whoever gets a pass records an outcome with it, or withdraws it; the request goes out once
        :meth:`begin` agrees.
        """
        now = self._clock()
        of_host = self._host.admit(now)
        if of_host is None:
            return None
        of_endpoint = self._of(endpoint).admit(now)
        if of_endpoint is None:
            self._host.withdraw(of_host, now)
            return None
        return Pass(endpoint, of_host, of_endpoint)

    def begin(self, given: Pass, *, expected_seconds: float = 0.0) -> bool:
        """Whether the request may go out at this moment; where not, its pass is withdrawn and another waited for."""
        now = self._clock()
        return self._host.begin(given.of_host, now, expected_seconds=expected_seconds) and self._of(
            given.endpoint
        ).begin(given.of_endpoint, now, expected_seconds=expected_seconds)

    def record_success(self, given: Pass, *, slow: bool = False) -> None:
        """Note an answer that shows the endpoint at work; ``slow`` for what its size does not explain."""
        self._record(given, Outcome.SLOW if slow else Outcome.SUCCESS, 0.0)

    def record_failure(self, given: Pass, *, answered: bool = True, retry_after_seconds: float = 0.0) -> None:
        """Note a request that the endpoint, or the way to it, failed; ``answered`` whether it said anything."""
        self._record(given, Outcome.FAILURE if answered else Outcome.SILENCE, retry_after_seconds)

    def withdraw(self, given: Pass) -> None:
        """Take back a pass whose request was not sent, or told nothing of the endpoint's health."""
        now = self._clock()
        self._host.withdraw(given.of_host, now)
        self._of(given.endpoint).withdraw(given.of_endpoint, now)
        self._changed.set()

    def is_open(self, endpoint: str) -> bool:
        """Whether a request to ``endpoint`` would have to wait."""
        now = self._clock()
        return not (self._host.can_admit(now) and self._of(endpoint).can_admit(now))

    def isolate(self, reason: str, *, seconds: float = math.inf, endpoint: str = HOST) -> None:
        """Let nothing through for so long, or until it is closed: to the host, or to one endpoint."""
        now = self._clock()
        self._of(endpoint).isolate(reason, now, until=now + seconds)
        self._changed.set()

    def close(self, reason: str, *, endpoint: str | None = None) -> None:
        """Close one circuit, or every one, by hand; what made their open times grow is kept."""
        self._each(endpoint, lambda circuit, now: circuit.close(reason, now))

    def reset(self, reason: str, *, endpoint: str | None = None) -> None:
        """Close one circuit, or every one, by hand, and forget all that was counted."""
        self._each(endpoint, lambda circuit, now: circuit.reset(reason, now))

    def replace_policy(self, policy: CircuitPolicy) -> None:
        """Decide by ``policy`` from now on."""
        self._policy = policy
        self._each(None, lambda circuit, _: circuit.replace_policy(policy))

    def get_stats(self) -> Mapping[str, CircuitStatistics]:
        """Return how each circuit stands, by endpoint; the host's is under :data:`HOST`."""
        now = self._clock()
        return {
            name: CircuitStatistics(
                state=circuit.state(now),
                counts=circuit.counts(now),
                changes_in_seconds=circuit.changes_at(now) - now,
                seconds_by_state=circuit.seconds_by_state(now),
                held=self._held.get(name, 0),
                transitions=tuple(circuit.transitions),
            )
            for name, circuit in {HOST: self._host, **self._endpoints}.items()
        }

    def _of(self, endpoint: str) -> Circuit:
        if endpoint == HOST:
            return self._host
        if endpoint not in self._endpoints:
            self._endpoints[endpoint] = Circuit(
                self._policy, self._rng, now=self._clock(), tell=partial(_log_change, endpoint)
            )
        return self._endpoints[endpoint]

    def _each(self, endpoint: str | None, change: Callable[[Circuit, float], None]) -> None:
        now = self._clock()
        chosen = [self._host, *self._endpoints.values()] if endpoint is None else [self._of(endpoint)]
        for circuit in chosen:
            change(circuit, now)
        self._changed.set()

    def _record(self, given: Pass, outcome: Outcome, retry_after_seconds: float) -> None:
        now = self._clock()
        endpoint = self._of(given.endpoint)
        endpoint.record(given.of_endpoint, outcome, now, retry_after_seconds=retry_after_seconds)
        if self._host.state(now) is CircuitState.CLOSED:
            if outcome is not Outcome.SUCCESS:
                self._find_outage_of_host(now)
        else:
            self._host.record(given.of_host, outcome, now, retry_after_seconds=retry_after_seconds)
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


def _log_change(endpoint: str, change: Transition) -> None:
    """Say that requests wait from now on, or do no more; the trials between are for ``status``."""
    if change.before is CircuitState.CLOSED:
        _log.warning("circuit open: requests wait", endpoint=endpoint or "all", reason=change.evidence)
    elif change.after is CircuitState.CLOSED:
        _log.warning(
            "circuit closed: requests go out again", endpoint=endpoint or "all", reason=change.evidence
        )
