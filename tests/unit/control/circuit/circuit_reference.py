"""A reference machine that keeps every event and recomputes everything from them, and walks of both machines."""

import math
import random
from collections.abc import Container
from dataclasses import dataclass, field

from cryoasync.control.circuit.circuit import Circuit
from cryoasync.control.circuit.circuit_policy import FAILURES, Admission, CircuitPolicy, CircuitState, Outcome

POLICY = CircuitPolicy(jitter=0.0)
STEPS = 60

CLOSED, OPEN, HALF_OPEN, ISOLATED = CircuitState


def circuit(policy: CircuitPolicy = POLICY) -> Circuit:
    """A circuit at second 0."""
    return Circuit(policy, random.Random(1))


@dataclass
class Reference:
    """The rules once more, as plainly as can be: every outcome is kept, every number is counted anew."""

    state: CircuitState = CLOSED
    ends: float = math.inf
    generation: int = 0
    doublings: int = 0
    healthy_since: float = 0.0
    since: float = 0.0
    outcomes: list[tuple[float, Outcome]] = field(default_factory=list)
    votes: list[tuple[float, Outcome]] = field(default_factory=list)
    trial: dict[int, float] = field(default_factory=dict)
    successes: int = 0

    def become(self, state: CircuitState, now: float, ends: float = math.inf) -> None:
        self.state, self.ends, self.since, self.healthy_since = state, ends, now, now
        self.generation += 1
        self.outcomes, self.votes, self.trial, self.successes = [], [], {}, 0

    def open(self, now: float) -> None:
        seconds = min(POLICY.longest_open_seconds, POLICY.first_open_seconds * 2**self.doublings)
        self.doublings = min(self.doublings + 1, 10)
        begun = self.since if self.state is HALF_OPEN else now
        self.become(OPEN, now, max(begun + seconds, now + 1.0))

    def advance(self, now: float) -> None:
        while (at := min([self.ends, *self.trial.values()])) <= now:
            if self.state is HALF_OPEN:
                self.open(at)
            else:
                self.become(HALF_OPEN, at, at + POLICY.longest_trial_seconds)
        while self.state is CLOSED and now - self.healthy_since >= POLICY.forgiveness_seconds:
            self.healthy_since += POLICY.forgiveness_seconds
            self.doublings = max(0, self.doublings - 1)

    def room(self) -> bool:
        if self.state is not HALF_OPEN:
            return self.state is CLOSED
        done = 0
        for width in POLICY.trial_steps:
            if self.successes < done + width:
                return self.successes + len(self.trial) < done + width
            done += width
        raise AssertionError("a finished trial is closed")

    def record(self, admission: Admission, outcome: Outcome, now: float) -> None:
        self.outcomes.append((now, outcome))
        if admission.generation != self.generation:
            return
        if self.state is CLOSED:
            self.votes.append((admission.begun_at, outcome))
            self.vote(now)
        elif self.state is HALF_OPEN and self.trial.pop(admission.number, None) is not None:
            if outcome in FAILURES:
                self.open(now)
                return
            self.successes += 1
            if self.successes == sum(POLICY.trial_steps):
                self.become(CLOSED, now)

    def vote(self, now: float) -> None:
        if self.votes[-1][1] is Outcome.SUCCESS:
            return
        tenth = POLICY.window_seconds / 10
        counted = [o for at, o in self.outcomes if at // tenth > now // tenth - 10]
        down = self.in_a_row(FAILURES) >= POLICY.failures_in_a_row
        silent = self.in_a_row({Outcome.SILENCE}) >= POLICY.silences_in_a_row
        enough = len(counted) >= POLICY.fewest_calls
        failed = sum(o in FAILURES for o in counted) / len(counted) >= POLICY.failure_rate
        slow = counted.count(Outcome.SLOW) / len(counted) >= POLICY.slow_rate
        if down or silent or (enough and (failed or slow)):
            self.open(now)

    def in_a_row(self, kinds: Container[Outcome]) -> int:
        """Count back from the last vote, passing over what was sent before the first of the row."""
        row: list[float] = []
        for begun_at, outcome in self.votes:
            if outcome in kinds:
                row.append(begun_at)
            elif row and begun_at >= row[0]:
                row = []
        return len(row)


class Walk:
    """One random interleaving, taken by both machines."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.circuit, self.reference, self.now = circuit(), Reference(), 0.0
        self.admitted: list[Admission] = []
        self.under_way: list[Admission] = []
        self.sickness = self.rng.random()

    def step(self) -> None:
        rng = self.rng
        self.now += rng.choice((0.0, 0.01, 0.2, 1.0, 5.0, 50.0, 130.0)) * rng.random()
        self.reference.advance(self.now)
        steps = (self.admit, self.begin, self.answer, self.withdraw, self.by_hand)
        rng.choices(steps, (12, 12, 10, 2, 0.3))[0]()
        assert self.circuit.state(self.now) is self.reference.state
        assert self.circuit.can_admit(self.now) is self.reference.room()
        assert self.circuit.changes_at(self.now) > self.now

    def admit(self) -> None:
        admission = self.circuit.admit(self.now)
        assert (admission is not None) is self.reference.room()
        if admission is None:
            return
        self.admitted.append(admission)
        if self.reference.state is HALF_OPEN:
            self.reference.trial[admission.number] = math.inf

    def taken(self, among: list[Admission]) -> Admission | None:
        return among.pop(self.rng.randrange(len(among))) if among else None

    def begin(self) -> None:
        """Send one that was admitted; one of an earlier generation has to be admitted again."""
        if admission := self.taken(self.admitted):
            expected = self.rng.choice((0.0, 1.0, 5.0))
            may = self.circuit.begin(admission, self.now, expected_seconds=expected)
            assert may is (admission.generation == self.reference.generation)
            if may:
                self.under_way.append(admission)
            if may and admission.number in self.reference.trial:
                lease = max(POLICY.trial_lease_seconds, 4 * expected)
                self.reference.trial[admission.number] = self.now + lease

    def answer(self) -> None:
        if admission := self.taken(self.under_way):
            well = self.rng.random() > self.sickness
            outcome = (
                Outcome.SUCCESS if well else self.rng.choice((Outcome.FAILURE, Outcome.SILENCE, Outcome.SLOW))
            )
            self.circuit.record(admission, outcome, self.now)
            self.reference.record(admission, outcome, self.now)
            if self.rng.random() < 0.05:
                self.sickness = self.rng.random()

    def withdraw(self) -> None:
        if admission := self.taken(self.rng.choice((self.admitted, self.under_way))):
            self.circuit.withdraw(admission, self.now)
            if admission.generation == self.reference.generation:
                self.reference.trial.pop(admission.number, None)

    def by_hand(self) -> None:
        match self.rng.randrange(4):
            case 0:
                self.circuit.isolate("by hand", self.now, until=self.now + 20)
                self.reference.become(ISOLATED, self.now, self.now + 20)
            case 1:
                self.circuit.open("elsewhere", self.now)
                self.reference.open(self.now)
            case 2:
                self.circuit.close("by hand", self.now)
                self.reference.become(CLOSED, self.now)
            case _:
                self.circuit.reset("by hand", self.now)
                self.reference.become(CLOSED, self.now)
                self.reference.doublings = 0


def walked(seed: int) -> set[CircuitState]:
    """Take one interleaving, and return the states it came through.

    Raises:
        AssertionError: the circuit and the reference machine differ.
    """
    walk, visited = Walk(seed), set()
    for _ in range(STEPS):
        walk.step()
        visited.add(walk.reference.state)
    return visited
