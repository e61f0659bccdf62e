"""What circuits are made of: their states, what they are told, and the policy by which they change."""

import math
from dataclasses import dataclass
from enum import Enum, StrEnum


class CircuitState(StrEnum):
    """Where a circuit stands."""

    CLOSED = "closed"
    """Everything goes through."""
    OPEN = "open"
    """Nothing does, for a while."""
    HALF_OPEN = "half_open"
    """A few requests try."""
    ISOLATED = "isolated"
    """Nothing goes through until somebody says so."""


class Outcome(Enum):
    """What became of a request, as far as it tells of the endpoint's health."""

    SUCCESS = "success"
    SLOW = "slow"
    """It was answered, but took much longer than a request of its size takes."""
    FAILURE = "failure"
    """It was answered, but as something that is out of order answers."""
    SILENCE = "silence"
    """It was not answered, or not whole."""


FAILURES = frozenset({Outcome.FAILURE, Outcome.SILENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitPolicy:
    """When a circuit opens, and how it closes again.

    Attributes:
        window_seconds: how far back requests are counted.
        fewest_calls: requests in the window below which no rate is taken: of a server that fails a fifth of
            them, so many fail half of thirty once in some thousand times.
        failure_rate: the part of failures that opens it.
        slow_rate: the part of slow answers that opens it.
        failures_in_a_row: that open it, whatever the rate.
        silences_in_a_row: requests without an answer that do: those that hang are too few to fill a window.
        first_open_seconds: from its opening to the first trial, and from one trial to the next, doubled each
            time a trial fails.
        longest_open_seconds: the bound of that doubling.
        jitter: the part by which such a time varies at random, both ways.
        trial_steps: requests under way at most in the steps of a trial; each step must succeed as a whole.
        trial_lease_seconds: a request of a trial without an outcome for so long has failed, unless such a
            request is expected to take long.
        longest_trial_seconds: a trial that takes longer has failed.
        forgiveness_seconds: health for so long takes back one doubling.
    """

    window_seconds: float = 30.0
    fewest_calls: int = 30
    failure_rate: float = 0.5
    slow_rate: float = 0.8
    failures_in_a_row: int = 10
    silences_in_a_row: int = 8
    first_open_seconds: float = 4.0
    longest_open_seconds: float = 27.0
    jitter: float = 0.08
    trial_steps: tuple[int, ...] = (1, 2, 4)
    trial_lease_seconds: float = 10.0
    longest_trial_seconds: float = 120.0
    forgiveness_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of state, and why."""

    at: float
    before: CircuitState
    after: CircuitState
    evidence: str


@dataclass(slots=True)
class Admission:
    """The right to send one request; an outcome votes only in the generation that admitted it."""

    number: int
    generation: int
    begun_at: float = -math.inf
