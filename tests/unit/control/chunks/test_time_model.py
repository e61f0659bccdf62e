"""What is learned of the time that answers take."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.chunks.time_model import TimeLine, TimeModel

TRUTH = TimeLine(base_seconds=0.12, seconds_an_id=0.004)


def answers(model: TimeModel, count: int, *, rng: random.Random, factor: float = 1.0, ids: int = 0) -> None:
    """Answers of the truth, ``factor`` times as slow, with noise of a quarter; of any size without ``ids``."""
    for _ in range(count):
        size = ids or rng.randint(5, 200)
        model.record(size, factor * TRUTH.seconds(size) * rng.lognormvariate(0.0, 0.25))


def test_answers_of_many_sizes_tell_the_base_from_the_slope() -> None:
    model = TimeModel()
    answers(model, 500, rng=random.Random(1))
    assert model.line.base_seconds == pytest.approx(0.12, abs=0.04)
    assert model.line.seconds_an_id == pytest.approx(0.004, abs=0.0006)
    assert model.spread == pytest.approx(0.25, abs=0.06)


def test_the_first_answer_gives_the_scale() -> None:
    model = TimeModel()
    model.record(200, 0.01)
    assert model.line.seconds(200) == pytest.approx(0.01)


@pytest.mark.parametrize("factor", [1 / 6, 1 / 3, 3.0, 6.0])
def test_a_jump_is_followed_within_thirty_answers(factor: float) -> None:
    model, rng = TimeModel(), random.Random(2)
    answers(model, 500, rng=rng, ids=200)
    answers(model, 30, rng=rng, ids=200, factor=factor)
    assert model.jumps
    assert model.line.seconds(200) == pytest.approx(factor * TRUTH.seconds(200), rel=0.25)


def test_a_single_wild_answer_changes_little() -> None:
    model, rng = TimeModel(), random.Random(3)
    answers(model, 500, rng=rng)
    before = model.line.seconds(200)
    model.record(200, 30.0)
    assert model.line.seconds(200) == pytest.approx(before, rel=0.02)
    assert model.jumps == 0


def test_noise_alone_is_no_jump() -> None:
    model, rng = TimeModel(), random.Random(4)
    answers(model, 5000, rng=rng)
    assert model.jumps == 0


def test_draws_are_spread_as_the_belief_is() -> None:
    model, rng = TimeModel(), random.Random(5)
    answers(model, 40, rng=rng)
    drawn = [model.draw(rng).seconds(100) for _ in range(2000)]
    mean = sum(drawn) / len(drawn)
    deviation = (sum((each - mean) ** 2 for each in drawn) / len(drawn)) ** 0.5
    assert mean == pytest.approx(model.line.seconds(100), rel=0.03)
    assert deviation == pytest.approx(model.deviation_seconds(100), rel=0.15)


def test_what_is_supposed_stands_until_answers_say_otherwise() -> None:
    model = TimeModel()
    model.suppose(TRUTH, 50, 30)
    model.suppose(TRUTH, 200, 30)
    assert model.line.base_seconds == pytest.approx(0.12, rel=0.1)
    assert model.line.seconds_an_id == pytest.approx(0.004, rel=0.1)


@given(answers=st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1e5)), min_size=1, max_size=50))
def test_no_answers_make_a_negative_time(answers: list[tuple[int, float]]) -> None:
    model, rng = TimeModel(), random.Random(6)
    for ids, seconds in answers:
        model.record(ids, seconds)
        for line in (model.line, model.draw(rng)):
            assert line.base_seconds >= 0
            assert line.seconds_an_id >= 0
            assert line.seconds(ids) > 0
        assert model.deviation_seconds(ids) > 0
