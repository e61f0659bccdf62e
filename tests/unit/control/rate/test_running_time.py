"""What is reserved for a request before its answer is there."""

import random
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.rate.running_time import FIRST_GUESS_SECONDS, RunningTimeEstimate


def estimate(answers: list[float]) -> float:
    target = RunningTimeEstimate()
    for answer in answers:
        target.add(answer)
    return target.seconds


def test_it_begins_with_a_guess_and_settles_on_equal_answers() -> None:
    assert estimate([]) == FIRST_GUESS_SECONDS
    assert estimate([3.0] * 200) == pytest.approx(3.0, rel=0.01)


def test_it_reserves_the_mean_and_a_deviation() -> None:
    rng = random.Random(5)
    answers = [rng.uniform(1.0, 3.0) for _ in range(4000)]
    reserved = mean(estimate(answers[: 2000 + step]) for step in range(0, 2000, 10))
    assert reserved == pytest.approx(mean(answers) + pstdev(answers), rel=0.05)


def test_a_slower_server_is_reserved_for_within_a_few_answers() -> None:
    """The deviation rises at once where the mean lags behind."""
    assert estimate([0.2] * 100 + [10.0] * 3) > 5.0


@given(st.lists(st.floats(0, 60), max_size=50))
def test_it_stays_between_nothing_and_twice_the_longest(answers: list[float]) -> None:
    assert 0 <= estimate(answers) <= 2 * max([FIRST_GUESS_SECONDS, *answers])
