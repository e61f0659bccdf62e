"""The circuit by its rules, and in random interleavings against a reference machine."""

import random
from dataclasses import replace

import pytest

from cryoasync.control.circuit.circuit import Circuit
from cryoasync.control.circuit.circuit_policy import Admission, CircuitState, Outcome
from tests.unit.control.circuit.circuit_reference import (
    CLOSED,
    HALF_OPEN,
    ISOLATED,
    OPEN,
    POLICY,
    circuit,
    walked,
)

INTERLEAVINGS = 2_000


def sent(target: Circuit, now: float) -> Admission:
    admission = target.admit(now)
    assert admission is not None
    assert target.begin(admission, now)
    return admission


def fail(target: Circuit, times: int, now: float = 0.0, outcome: Outcome = Outcome.FAILURE) -> None:
    for _ in range(times):
        target.record(sent(target, now), outcome, now)


def opened() -> Circuit:
    """A circuit that opened at second 0, for four seconds."""
    target = circuit()
    fail(target, POLICY.failures_in_a_row)
    assert target.state(0.0) is OPEN
    return target


def test_a_brownout_of_a_fifth_never_opens_it() -> None:
    target, rng = circuit(), random.Random(7)
    for step in range(20_000):
        now = step * 0.2
        admission = sent(target, now)
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
        admission = sent(target, 0.0)
        target.record(admission, outcome, 0.0)
    assert target.state(0.0) is OPEN


def test_slow_answers_open_it_and_their_number_is_told() -> None:
    target = circuit()
    for _ in range(POLICY.fewest_calls):
        admission = sent(target, 0.0)
        target.record(admission, Outcome.SLOW, 0.0)
    assert target.transitions[-1].evidence == "30 of 30 answers were slow in 30 s"


def test_failures_out_of_the_window_are_forgotten() -> None:
    target = circuit()
    for now in range(0, 400, 40):
        fail(target, POLICY.failures_in_a_row - 1, float(now))
        target.record(sent(target, float(now)), Outcome.SUCCESS, float(now))
    assert target.state(400.0) is CLOSED


def test_a_trial_grows_step_by_step_and_closes_it() -> None:
    target = opened()
    now = POLICY.first_open_seconds
    for width in POLICY.trial_steps:
        admissions = [target.admit(now) for _ in range(width + 3)]
        granted = [admission for admission in admissions if admission is not None]
        assert len(granted) == width
        for admission in granted:
            target.record(admission, Outcome.SUCCESS, now)
    assert target.state(now) is CLOSED


def test_each_failed_trial_doubles_the_time_to_the_next_one_up_to_its_bound() -> None:
    target = opened()
    now, lengths = 0.0, []
    for _ in range(6):
        until = target.changes_at(now)
        lengths.append(until - now)
        now = until
        fail(target, 1, now)
    assert lengths == [4.0, 8.0, 16.0, 27.0, 27.0, 27.0]


def test_a_trial_that_hangs_does_not_put_the_next_one_off() -> None:
    """Trials begin at the same distance, however long the failed one took; a second passes at least."""
    target = opened()
    now = target.changes_at(0.0)
    for took, later in ((3.0, 8.0), (9.5, 16.0), (9.5, 27.0)):
        admission = sent(target, now)
        target.record(admission, Outcome.SILENCE, now + took)
        assert target.changes_at(now + took) == now + later
        now += later


def test_an_outage_of_days_does_not_overflow_and_is_forgiven_soon() -> None:
    target = opened()
    for _ in range(3_000):
        now = target.changes_at(0.0)
        fail(target, 1, now)
    target.close("by hand", now)
    later = now + 10 * POLICY.forgiveness_seconds
    fail(target, POLICY.failures_in_a_row, later)
    assert target.changes_at(later) - later == POLICY.first_open_seconds


def test_requests_without_an_answer_open_it_sooner() -> None:
    """Those that hang are too few for a rate; an answer between them, even a bad one, shows that somebody is there."""
    target = circuit()
    fail(target, POLICY.silences_in_a_row - 1, outcome=Outcome.SILENCE)
    fail(target, 1)
    assert target.state(0.0) is CLOSED
    target.reset("by hand", 0.0)
    fail(target, POLICY.silences_in_a_row, outcome=Outcome.SILENCE)
    assert target.transitions[-1].evidence == "8 requests in a row without an answer"


def test_answers_to_earlier_requests_do_not_hide_an_outage() -> None:
    """They come in after the first failures, and tell of the time before."""
    target = circuit()
    earlier = [sent(target, 0.0) for _ in range(5)]
    for number in range(POLICY.failures_in_a_row):
        now = 1.0 + number
        fail(target, 1, now)
        if earlier:
            target.record(earlier.pop(), Outcome.SUCCESS, now)
    assert target.state(now) is OPEN


def test_a_request_that_waited_too_long_for_its_permit_does_not_go_out() -> None:
    """The circuit opened meanwhile, so that it has to be admitted again."""
    target = circuit()
    waiting = target.admit(0.0)
    assert waiting is not None
    fail(target, POLICY.failures_in_a_row)
    assert not target.begin(waiting, 0.0)
    assert not target.begin(waiting, POLICY.first_open_seconds)


def test_waiting_for_a_permit_does_not_fail_a_trial() -> None:
    """Its time counts from when it is sent, and is longer where such a request takes long."""
    target = opened()
    begun = POLICY.first_open_seconds
    admission = target.admit(begun)
    assert admission is not None
    assert target.state(begun + 100.0) is HALF_OPEN
    assert target.begin(admission, begun + 100.0, expected_seconds=4.0)
    assert target.state(begun + 115.0) is HALF_OPEN
    assert target.state(begun + 116.0) is OPEN


def test_a_new_policy_holds_at_once() -> None:
    target = circuit()
    fail(target, 3)
    target.replace_policy(replace(POLICY, failures_in_a_row=4))
    fail(target, 1)
    assert target.state(0.0) is OPEN


def test_its_time_is_told_by_state() -> None:
    target = opened()
    target.close("by hand", 3.0)
    assert target.seconds_by_state(10.0) == {CLOSED: 7.0, OPEN: 3.0, HALF_OPEN: 0.0, ISOLATED: 0.0}


def test_health_takes_the_doublings_back() -> None:
    target = opened()
    target.close("by hand", 1.0)
    fail(target, POLICY.failures_in_a_row, 1.0)
    assert target.changes_at(1.0) - 1.0 == 2 * POLICY.first_open_seconds
    target.close("by hand", 2.0)
    later = 2.0 + 2 * POLICY.forgiveness_seconds
    fail(target, POLICY.failures_in_a_row, later)
    assert target.changes_at(later) - later == POLICY.first_open_seconds


def test_the_servers_retry_after_is_the_least_open_time() -> None:
    target = circuit()
    fail(target, POLICY.failures_in_a_row - 1)
    admission = sent(target, 0.0)
    target.record(admission, Outcome.FAILURE, 0.0, retry_after_seconds=90.0)
    assert target.changes_at(0.0) == 90.0


def test_an_outcome_of_an_earlier_generation_casts_no_vote() -> None:
    target, now = circuit(), POLICY.first_open_seconds
    late = sent(target, 0.0)
    fail(target, POLICY.failures_in_a_row)
    assert target.state(now) is HALF_OPEN
    target.record(late, Outcome.FAILURE, now)
    assert target.state(now) is HALF_OPEN
    assert target.counts(now).failures == 1


def test_a_trial_request_without_an_outcome_fails_the_trial() -> None:
    target, now = opened(), POLICY.first_open_seconds
    sent(target, now)
    assert not target.can_admit(now + POLICY.trial_lease_seconds - 1)
    assert target.state(now + POLICY.trial_lease_seconds) is OPEN


def test_a_withdrawn_trial_request_leaves_room_for_another() -> None:
    target, now = opened(), POLICY.first_open_seconds
    first = target.admit(now)
    assert first is not None
    assert not target.can_admit(now)
    target.withdraw(first, now)
    assert target.can_admit(now)


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


@pytest.mark.parametrize("block", range(4))
def test_it_does_what_the_reference_machine_does(block: int) -> None:
    blocks = (walked(seed) for seed in range(block * INTERLEAVINGS, (block + 1) * INTERLEAVINGS))
    assert set[CircuitState]().union(*blocks) == set(CircuitState)
