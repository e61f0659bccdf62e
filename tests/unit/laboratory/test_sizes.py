"""A sample of what the laboratory plays of chunk sizes."""

import random
from dataclasses import replace

import pytest

from benchmarks.laboratory.clients import Cryoasync
from benchmarks.laboratory.play import Result, play
from benchmarks.laboratory.scenarios import SCENARIOS, oracle_rows
from benchmarks.laboratory.week import Aimd, Arms, Fixed, Learned, Policy, World, play_week

HOUR = 3600.0
CREEP = replace(SCENARIOS["S6"], seconds=300.0)


def creep(seed: int) -> Result:
    """The first minutes of S6, in which nothing is slow yet."""
    sizes = Learned(random.Random(f"{seed} sizes"))
    return play(Cryoasync(random.Random(f"{seed} client")), CREEP, random.Random(f"{seed} server"), sizes)


def test_sizes_that_are_learned_cost_nothing_where_the_largest_is_best() -> None:
    result = creep(1)
    assert result.rows > 0.97 * oracle_rows(CREEP)
    assert result.tally.refused == 0


def test_the_same_seed_plays_the_same_events() -> None:
    first = creep(2)
    assert first == creep(2)
    assert first.digest != creep(3).digest


def test_a_busy_hour_brings_more_than_with_any_of_the_usual_ways() -> None:
    """From half past nine to ten on a Monday without incidents."""

    def share(policy: Policy) -> float:
        world = World(random.Random(1))
        world.incidents.clear()
        (percent,) = play_week(policy, world, random.Random(2), start=9.5 * HOUR, end=10 * HOUR)
        return percent

    learned = share(Learned(random.Random(3)))
    usual: list[Policy] = [Fixed(200), Fixed(100), Aimd(), Arms(random.Random(3))]
    assert learned > max(map(share, usual))
    assert learned == pytest.approx(98, abs=1.5)
