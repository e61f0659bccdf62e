"""The circuit against a reference machine that keeps every event and recomputes everything from them."""

import math
import random
from dataclasses import dataclass, field

import pytest

from cryoasync.control.circuit import Admission, Circuit, CircuitPolicy, CircuitState, Outcome

POLICY = CircuitPolicy(jitter=0.0)
INTERLEAVINGS = 2_000
STEPS = 60

CLOSED, OPEN, HALF_OPEN, ISOLATED = CircuitState


def circuit(policy: CircuitPolicy = POLICY) -> Circuit:
    return Circuit(policy, random.Random(1))


def fail(target: Circuit, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        admission = target.admit(now)
        assert admission is not None
        target.record(admission, Outcome.FAILURE, now)


def opened() -> Circuit:
    """A circuit that opened at second 0, for two seconds."""
    target = circuit()
    fail(target, POLICY.failures_in_a_row)
    assert target.state(0.0) is OPEN
    return target


def test_a_brownout_of_a_fifth_never_opens_it() -> None:
    target, rng = circuit(), random.Random(7)
    for step in range(20_000):
        now = step * 0.2
        admission = target.admit(now)
        assert admission is not None
        target.record(admission, Outcome.FAILURE if rng.random() < 0.2 else Outcome.SUCCESS, now)


def test_failures_in_a_row_open_it_before_a_rate_can_be_told() -> None:
    target = circuit()
    fail(target, POLICY.failures_in_a_row - 1)
    assert target.state(0.0) is CLOSED
    fail(target, 1)
    assert target.state(0.0) is OPEN
    assert target.transitions[-1].evidence == "10 failures in a row"


def test_half_of_enough_requests_failing_opens_it() -> None:
    target = circuit()
    outcomes = [Outcome.SUCCESS, Outcome.FAILURE] * (POLICY.fewest_calls // 2)
    for outcome in outcomes:
        assert target.state(0.0) is CLOSED
        admission = target.admit(0.0)
        assert admission is not None
        target.record(admission, outcome, 0.0)
    assert target.state(0.0) is OPEN


def test_slow_answers_open_it_and_their_number_is_told() -> None:
    target = circuit()
    for _ in range(POLICY.fewest_calls):
        admission = target.admit(0.0)
        assert admission is not None
        target.record(admission, Outcome.SLOW, 0.0)
    assert target.transitions[-1].evidence == "30 of 30 answers were slow in 30 s"


def test_failures_out_of_the_window_are_forgotten() -> None:
    target = circuit()
    for now in range(0, 400, 40):
        fail(target, POLICY.failures_in_a_row - 1, float(now))
        admission = target.admit(float(now))
        assert admission is not None
        target.record(admission, Outcome.SUCCESS, float(now))
    assert target.state(400.0) is CLOSED


def test_a_trial_grows_step_by_step_and_closes_it() -> None:
    target = opened()
    now = 2.0
    for width in POLICY.trial_steps:
        admissions = [target.admit(now) for _ in range(width + 3)]
        granted = [admission for admission in admissions if admission is not None]
        assert len(granted) == width
        for admission in granted:
            target.record(admission, Outcome.SUCCESS, now)
    assert target.state(now) is CLOSED


def test_each_failed_trial_doubles_the_open_time_up_to_its_bound() -> None:
    target = opened()
    now, lengths = 0.0, []
    for _ in range(7):
        until = target.changes_at(now)
        lengths.append(until - now)
        now = until
        fail(target, 1, now)
    assert lengths == [2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]


def test_health_takes_the_doublings_back() -> None:
    target = opened()
    target.close("by hand", 1.0)
    fail(target, POLICY.failures_in_a_row, 1.0)
    assert target.changes_at(1.0) - 1.0 == 4.0
    target.close("by hand", 2.0)
    later = 2.0 + 2 * POLICY.forgiveness_seconds
    fail(target, POLICY.failures_in_a_row, later)
    assert target.changes_at(later) - later == 2.0


def test_the_servers_retry_after_is_the_least_open_time() -> None:
    target = circuit()
    fail(target, POLICY.failures_in_a_row - 1)
    admission = target.admit(0.0)
    assert admission is not None
    target.record(admission, Outcome.FAILURE, 0.0, retry_after_seconds=90.0)
    assert target.changes_at(0.0) == 90.0


def test_an_outcome_of_an_earlier_generation_casts_no_vote() -> None:
    target = circuit()
    late = target.admit(0.0)
    assert late is not None
    fail(target, POLICY.failures_in_a_row)
    assert target.state(2.0) is HALF_OPEN
    target.record(late, Outcome.FAILURE, 2.0)
    assert target.state(2.0) is HALF_OPEN
    assert target.counts(2.0).failures == 1


def test_a_trial_request_without_an_outcome_fails_the_trial() -> None:
    target = opened()
    assert target.admit(2.0) is not None
    assert not target.can_admit(2.0 + POLICY.trial_lease_seconds - 1)
    assert target.state(2.0 + POLICY.trial_lease_seconds) is OPEN


def test_a_withdrawn_trial_request_leaves_room_for_another() -> None:
    target = opened()
    first = target.admit(2.0)
    assert first is not None
    assert not target.can_admit(2.0)
    target.withdraw(first, 2.0)
    assert target.can_admit(2.0)


def test_an_isolated_circuit_stays_so_until_it_is_closed() -> None:
    target = circuit()
    target.isolate("maintenance", 0.0)
    assert not target.can_admit(1e9)
    target.close("done", 1e9)
    assert target.can_admit(1e9)


def test_an_isolation_that_ends_is_followed_by_a_trial() -> None:
    target = circuit()
    target.isolate("maintenance", 0.0, until=60.0)
    assert target.state(59.0) is ISOLATED
    assert target.state(60.0) is HALF_OPEN


@dataclass
class Reference:
    """The rules once more, as plainly as can be: every outcome is kept, every number is counted anew."""

    state: CircuitState = CLOSED
    ends: float = math.inf
    generation: int = 0
    doublings: int = 0
    healthy_since: float = 0.0
    outcomes: list[tuple[float, Outcome]] = field(default_factory=list)
    votes: list[Outcome] = field(default_factory=list)
    trial: dict[int, float] = field(default_factory=dict)
    successes: int = 0

    def become(self, state: CircuitState, now: float, ends: float = math.inf) -> None:
        self.state, self.ends, self.healthy_since = state, ends, now
        self.generation += 1
        self.outcomes, self.votes, self.trial, self.successes = [], [], {}, 0

    def open(self, now: float) -> None:
        seconds = min(POLICY.longest_open_seconds, POLICY.first_open_seconds * 2**self.doublings)
        self.doublings += 1
        self.become(OPEN, now, now + seconds)

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

    def record(self, number: int, generation: int, outcome: Outcome, now: float) -> None:
        self.outcomes.append((now, outcome))
        if generation != self.generation:
            return
        if self.state is CLOSED:
            self.votes.append(outcome)
            self.vote(now)
        elif self.state is HALF_OPEN and self.trial.pop(number, None) is not None:
            if outcome is Outcome.FAILURE:
                self.open(now)
                return
            self.successes += 1
            if self.successes == sum(POLICY.trial_steps):
                self.become(CLOSED, now)

    def vote(self, now: float) -> None:
        if self.votes[-1] is Outcome.SUCCESS:
            return
        tenth = POLICY.window_seconds / 10
        counted = [o for at, o in self.outcomes if at // tenth > now // tenth - 10]
        last = self.votes[-POLICY.failures_in_a_row :]
        hung = len(last) == POLICY.failures_in_a_row and set(last) == {Outcome.FAILURE}
        enough = len(counted) >= POLICY.fewest_calls
        failed = counted.count(Outcome.FAILURE) / len(counted) >= POLICY.failure_rate
        slow = counted.count(Outcome.SLOW) / len(counted) >= POLICY.slow_rate
        if hung or (enough and (failed or slow)):
            self.open(now)


class Walk:
    """One random interleaving, taken by both machines."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.circuit, self.reference, self.now = circuit(), Reference(), 0.0
        self.under_way: list[Admission] = []
        self.sickness = self.rng.random()

    def step(self) -> None:
        rng = self.rng
        self.now += rng.choice((0.0, 0.01, 0.2, 1.0, 5.0, 50.0, 130.0)) * rng.random()
        self.reference.advance(self.now)
        rng.choices((self.admit, self.answer, self.withdraw, self.by_hand), (12, 10, 2, 0.2))[0]()
        assert self.circuit.state(self.now) is self.reference.state
        assert self.circuit.can_admit(self.now) is self.reference.room()
        assert self.circuit.changes_at(self.now) > self.now

    def admit(self) -> None:
        admission = self.circuit.admit(self.now)
        assert (admission is not None) is self.reference.room()
        if admission is None:
            return
        self.under_way.append(admission)
        if self.reference.state is HALF_OPEN:
            self.reference.trial[admission.number] = self.now + POLICY.trial_lease_seconds

    def taken(self) -> Admission | None:
        if not self.under_way:
            return None
        return self.under_way.pop(self.rng.randrange(len(self.under_way)))

    def answer(self) -> None:
        if admission := self.taken():
            well = self.rng.random() > self.sickness
            outcome = Outcome.SUCCESS if well else self.rng.choice((Outcome.FAILURE, Outcome.SLOW))
            self.circuit.record(admission, outcome, self.now)
            self.reference.record(admission.number, admission.generation, outcome, self.now)
            if self.rng.random() < 0.05:
                self.sickness = self.rng.random()

    def withdraw(self) -> None:
        if admission := self.taken():
            self.circuit.withdraw(admission, self.now)
            if admission.generation == self.reference.generation:
                self.reference.trial.pop(admission.number, None)

    def by_hand(self) -> None:
        if self.rng.random() < 0.5:
            self.circuit.isolate("by hand", self.now, until=self.now + 20)
            self.reference.become(ISOLATED, self.now, self.now + 20)
        else:
            self.circuit.reset("by hand", self.now)
            self.reference.become(CLOSED, self.now)
            self.reference.doublings = 0


@pytest.mark.parametrize("block", range(4))
def test_it_does_what_the_reference_machine_does(block: int) -> None:
    visited = set()
    for seed in range(block * INTERLEAVINGS, (block + 1) * INTERLEAVINGS):
        walk = Walk(seed)
        for _ in range(STEPS):
            walk.step()
            visited.add(walk.reference.state)
    assert visited == set(CircuitState)
