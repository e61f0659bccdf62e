"""A sample of what the laboratory plays of a source without a quota."""

import random

from benchmarks.laboratory.knee import KNEE_RATE, Fixed, Learned, play_knee


def test_nearly_all_that_the_source_can_give_is_got_and_hangs_cost_little() -> None:
    result = play_knee(Learned(), random.Random(1), seconds=900.0, scored_from=60.0)
    assert result.rate > 0.94 * KNEE_RATE
    assert sorted(result.residuals)[int(0.95 * len(result.residuals))] <= 1.5
    assert result.rate > 1.4 * play_knee(Fixed(8), random.Random(1), seconds=900.0).rate


def test_the_same_seed_plays_the_same() -> None:
    first, again = (play_knee(Learned(), random.Random(7), seconds=200.0) for _ in range(2))
    assert first == again
