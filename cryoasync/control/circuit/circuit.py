"""One circuit: whether requests to an endpoint, or to a whole host, make sense at the moment.

Plain decisions, no I/O: every method takes the reading of a clock. A circuit opens when what it protects is
down, lets single requests try from time to time, and closes step by step. Throttles and faults of the data
say nothing of that and are never recorded here.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Mapping

from cryoasync.control.circuit.call_window import CallCounts, CallRow, CallWindow
from cryoasync.control.circuit.circuit_policy import (
    FAILURES,
    Admission,
    CircuitPolicy,
    CircuitState,
    Outcome,
    Transition,
)

TRANSITIONS_KEPT = 100
MOST_DOUBLINGS = 10
"""An outage of a day must not be remembered for hours, nor overflow."""

SHORTEST_OPEN_SECONDS = 1.0
LEASE_BY_EXPECTED = 4.0
"""How many times the expected time a request of a trial has."""


class Circuit:
    """The state machine of one circuit.

    Whatever is called, at whatever time, a trial ends within ``longest_trial_seconds``, never has more requests
    under way than its step allows, and no outcome of an earlier generation changes the state.
    """

    def __init__(
        self,
        policy: CircuitPolicy,
        rng: random.Random,
        *,
        now: float = 0.0,
        tell: Callable[[Transition], None] = lambda _: None,
    ) -> None:
        """Start closed; ``rng`` draws the jitter, and ``tell`` hears of each change."""
        self._policy = policy
        self._tell = tell
        self._rng = rng
        self._state = CircuitState.CLOSED
        self._since = self._healthy_since = now
        self._ends_at = math.inf
        self._generation = 0
        self._numbers = 0
        self._window = CallWindow(policy.window_seconds)
        self._failures, self._silences = CallRow(), CallRow()
        self._seconds: dict[CircuitState, float] = dict.fromkeys(CircuitState, 0.0)
        self._leases: dict[int, float] = {}
        self._step = self._succeeded_in_step = self._doublings = 0
        self.transitions: deque[Transition] = deque(maxlen=TRANSITIONS_KEPT)

    def state(self, now: float) -> CircuitState:
        """Return where the circuit stands."""
        self._advance(now)
        return self._state

    def counts(self, now: float) -> CallCounts:
        """Return the requests in the window by their outcome, late ones included."""
        return self._window.counts(now)

    def can_admit(self, now: float) -> bool:
        """Whether a request may go out now."""
        self._advance(now)
        match self._state:
            case CircuitState.CLOSED:
                return True
            case CircuitState.HALF_OPEN:
                return len(self._leases) + self._succeeded_in_step < self._policy.trial_steps[self._step]
            case _:
                return False

    def changes_at(self, now: float) -> float:
        """Return when the circuit changes by itself at the latest; infinite where it does not."""
        self._advance(now)
        return min(self._ends_at, *self._leases.values(), math.inf)

    def seconds_by_state(self, now: float) -> Mapping[CircuitState, float]:
        """Return how long the circuit was in each state so far."""
        self._advance(now)
        return self._seconds | {self._state: self._seconds[self._state] + now - self._since}

    def admit(self, now: float) -> Admission | None:
        """Admit one request, which goes out once :meth:`begin` agrees, or none."""
        if not self.can_admit(now):
            return None
        self._numbers += 1
        if self._state is CircuitState.HALF_OPEN:
            self._leases[self._numbers] = math.inf
        return Admission(self._numbers, self._generation)

    def begin(self, admission: Admission, now: float, *, expected_seconds: float = 0.0) -> bool:
        """Whether an admitted request may go out at this moment; from now on its outcome is waited for.

        It may have waited long for its permit, and the circuit have changed meanwhile.
        """
        self._advance(now)
        if admission.generation != self._generation:
            return False
        admission.begun_at = now
        if admission.number in self._leases:
            lease = max(self._policy.trial_lease_seconds, LEASE_BY_EXPECTED * expected_seconds)
            self._leases[admission.number] = now + lease
        return True

    def record(
        self, admission: Admission, outcome: Outcome, now: float, *, retry_after_seconds: float = 0.0
    ) -> None:
        """Take the outcome of a request in; ``retry_after_seconds`` is what a failing server asked for."""
        self._advance(now)
        self._window.add(now, failed=outcome in FAILURES, slow=outcome is Outcome.SLOW)
        if admission.generation != self._generation:
            return
        match self._state:
            case CircuitState.CLOSED:
                self._vote(outcome, admission.begun_at, now, retry_after_seconds)
            case CircuitState.HALF_OPEN if self._leases.pop(admission.number, None) is not None:
                self._try(outcome, now, retry_after_seconds)
            case _:
                pass

    def withdraw(self, admission: Admission, now: float) -> None:
        """Take an admission back whose request told nothing: not sent, cancelled, throttled."""
        self._advance(now)
        if admission.generation == self._generation:
            self._leases.pop(admission.number, None)

    def open(self, evidence: str, now: float) -> None:
        """Open it because of what is known from elsewhere."""
        self._advance(now)
        self._open(evidence, now, 0.0)

    def isolate(self, reason: str, now: float, *, until: float = math.inf) -> None:
        """Let nothing through until ``until``, when a trial decides, or until it is closed by hand."""
        self._advance(now)
        self._become(CircuitState.ISOLATED, reason, now, ends_at=until)

    def close(self, reason: str, now: float) -> None:
        """Close it by hand, and forget what was counted; the open time stays grown."""
        self._advance(now)
        self._become(CircuitState.CLOSED, reason, now)

    def reset(self, reason: str, now: float) -> None:
        """Close it by hand, and forget everything."""
        self.close(reason, now)
        self._doublings = 0

    def replace_policy(self, policy: CircuitPolicy) -> None:
        """Decide by ``policy`` from now on; a trial under way begins again with it."""
        if policy.window_seconds != self._policy.window_seconds:
            self._window = CallWindow(policy.window_seconds)
        self._policy = policy
        self._step = self._succeeded_in_step = 0

    def _vote(self, outcome: Outcome, begun_at: float, now: float, retry_after_seconds: float) -> None:
        """Count an outcome in the closed state, and open where the counts say so."""
        for row, goes_on in (
            (self._failures, outcome in FAILURES),
            (self._silences, outcome is Outcome.SILENCE),
        ):
            if goes_on:
                row.add(begun_at)
            elif row.length:
                row.end(begun_at)
        if outcome is Outcome.SUCCESS:
            return
        if (evidence := self._reason_to_open(self._window.counts(now))) is not None:
            self._open(evidence, now, retry_after_seconds)

    def _reason_to_open(self, counts: CallCounts) -> str | None:
        policy = self._policy
        if self._silences.length >= policy.silences_in_a_row:
            return f"{self._silences.length} requests in a row without an answer"
        if self._failures.length >= policy.failures_in_a_row:
            return f"{self._failures.length} failures in a row"
        if counts.calls < policy.fewest_calls:
            return None
        if counts.failures >= policy.failure_rate * counts.calls:
            return f"{counts.failures} of {counts.calls} requests failed in {policy.window_seconds:g} s"
        if counts.slow >= policy.slow_rate * counts.calls:
            return f"{counts.slow} of {counts.calls} answers were slow in {policy.window_seconds:g} s"
        return None

    def _try(self, outcome: Outcome, now: float, retry_after_seconds: float) -> None:
        """Go on with a trial, or end it; a slow answer is an answer."""
        if outcome in FAILURES:
            self._open("a request of the trial failed", now, retry_after_seconds)
            return
        self._succeeded_in_step += 1
        if self._succeeded_in_step < self._policy.trial_steps[self._step]:
            return
        self._step, self._succeeded_in_step = self._step + 1, 0
        if self._step == len(self._policy.trial_steps):
            self._become(CircuitState.CLOSED, "the trial succeeded", now)

    def _advance(self, now: float) -> None:
        """Do what time alone does: end an open time, fail a trial that hangs, forgive."""
        while self._state is not CircuitState.CLOSED:
            expired = min(self._leases.values(), default=math.inf)
            at = min(self._ends_at, expired)
            if at > now:
                break
            match self._state:
                case CircuitState.HALF_OPEN if expired <= self._ends_at:
                    self._open("a request of the trial was not answered", at, 0.0)
                case CircuitState.HALF_OPEN:
                    self._open("the trial took too long", at, 0.0)
                case _:
                    self._become(
                        CircuitState.HALF_OPEN,
                        "its time is over",
                        at,
                        ends_at=at + self._policy.longest_trial_seconds,
                    )
        if self._doublings and self._state is CircuitState.CLOSED:
            forgiven = int((now - self._healthy_since) / self._policy.forgiveness_seconds)
            if forgiven > 0:
                self._doublings = max(0, self._doublings - forgiven)
                self._healthy_since += forgiven * self._policy.forgiveness_seconds

    def _open(self, evidence: str, now: float, retry_after_seconds: float) -> None:
        """Open it for a while, which counts from the beginning of a trial that failed: it had its time, too."""
        policy = self._policy
        seconds = min(policy.longest_open_seconds, policy.first_open_seconds * 2.0**self._doublings)
        seconds *= self._rng.uniform(1 - policy.jitter, 1 + policy.jitter)
        self._doublings = min(MOST_DOUBLINGS, self._doublings + 1)
        begun = self._since if self._state is CircuitState.HALF_OPEN else now
        ends_at = max(begun + seconds, now + max(SHORTEST_OPEN_SECONDS, retry_after_seconds))
        self._become(CircuitState.OPEN, evidence, now, ends_at=ends_at)

    def _become(self, state: CircuitState, evidence: str, now: float, *, ends_at: float = math.inf) -> None:
        self.transitions.append(Transition(at=now, before=self._state, after=state, evidence=evidence))
        self._seconds[self._state] += now - self._since
        self._state, self._since, self._healthy_since, self._ends_at = state, now, now, ends_at
        self._generation += 1
        self._leases.clear()
        self._step = self._succeeded_in_step = 0
        for counted in (self._failures, self._silences, self._window):
            counted.clear()
        self._tell(self.transitions[-1])
