"""What is learned of failures by the id."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cryoasync.control.chunks.hazard_model import HazardModel


def answers(model: HazardModel, count: int, *, ids: int, hazard: float, seed: int = 1) -> None:
    """Answers about ``ids`` each, that fail at a rate."""
    rng = random.Random(seed)
    for _ in range(count):
        failed = rng.random() > 2.718281828 ** (-hazard * ids)
        model.record(ids, float(failed))


@pytest.mark.parametrize(("ids", "hazard"), [(200, 0.001), (100, 0.01), (50, 0.02)])
def test_the_rate_is_found(ids: int, hazard: float) -> None:
    model = HazardModel()
    answers(model, 2000, ids=ids, hazard=hazard)
    assert model.mean == pytest.approx(hazard, rel=0.35)


def test_where_all_fail_a_smaller_size_seems_better_each_time() -> None:
    """A failure tells that some part of the ids was enough, and so of more than one in all of them."""
    model = HazardModel()
    best = []
    for _ in range(10):
        model.record(200, 1.0)
        best.append(1 / model.mean)
    assert best == sorted(best, reverse=True)
    assert best[-1] < 100 < best[0]


@pytest.mark.parametrize(("before", "after"), [(0.00002, 0.02), (0.02, 0.00002)])
def test_a_change_is_noticed_within_thirty_answers(before: float, after: float) -> None:
    model = HazardModel()
    answers(model, 500, ids=100, hazard=before)
    answers(model, 30, ids=100, hazard=after, seed=2)
    assert model.changes
    assert (model.mean > 0.005) == (after > 0.005)


def test_chance_alone_is_hardly_ever_a_change() -> None:
    model = HazardModel()
    answers(model, 5000, ids=100, hazard=0.002)
    assert model.changes <= 5


def test_draws_are_as_spread_as_the_belief() -> None:
    model, rng = HazardModel(), random.Random(3)
    answers(model, 100, ids=100, hazard=0.005)
    drawn = [model.draw(rng) for _ in range(3000)]
    mean = sum(drawn) / len(drawn)
    assert mean == pytest.approx(model.mean, rel=0.05)
    assert (sum((each - mean) ** 2 for each in drawn) / len(drawn)) ** 0.5 == pytest.approx(
        model.deviation, rel=0.1
    )


@example(answers=[(1, 1.0), (613, 5e-324)])
@example(answers=[(1, 1.0)] * 60 + [(10_000, 1.0)] * 5 + [(10_000, 0.0)])
@given(answers=st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1)), max_size=100))
def test_no_answers_make_a_rate_that_is_none(answers: list[tuple[int, float]]) -> None:
    model, rng = HazardModel(), random.Random(4)
    for ids, failed in answers:
        model.record(ids, failed)
        assert 0 < model.mean < 1e4
        assert model.draw(rng) >= 0
