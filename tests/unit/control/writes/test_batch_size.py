"""The best size of a batch is found from any start, kept to, and found again when the server changes."""

import random
from collections.abc import Callable
from statistics import median

import pytest

from cryoasync.control.writes.batch_size import FLUSH_SECONDS, BatchSizeTuner

Price = Callable[[float], float]
SMALLEST, LARGEST = 1, 100_000
STARTS = (1, 7, 50, 100, 333, 1000, 5000, 20_000, 50_000, 100_000)
PRICES: dict[str, Price] = {
    "a server near by": lambda rows: 0.003 + 6e-6 * rows,
    "a server far away": lambda rows: 0.06 + 6e-6 * rows,
    "slow disks": lambda rows: 0.02 + 1e-4 * rows,
    "large batches cost more a row": lambda rows: 0.004 + 6e-6 * rows + 6e-10 * rows**2,
    "a sharp optimum": lambda rows: 0.004 + 6e-6 * rows + 2e-9 * rows**2,
}


def best_rate(price: Price) -> float:
    """The best rate that any fixed size has whose commits are quick enough."""
    return max(rows / price(rows) for rows in range(SMALLEST, LARGEST + 1) if price(rows) <= FLUSH_SECONDS)


def lived(tuner: BatchSizeTuner, price: Price, commits: int, rng: random.Random | None = None) -> list[int]:
    """The sizes of so many commits; with ``rng`` times vary, and some commits are held up."""
    sizes = []
    for _ in range(commits):
        seconds = price(tuner.size)
        if rng is not None:
            seconds *= rng.lognormvariate(0, 0.05) * (4 if rng.random() < 0.03 else 1)
        sizes.append(tuner.size)
        tuner.record(tuner.size, seconds)
    return sizes


@pytest.mark.parametrize("price", PRICES.values(), ids=PRICES)
@pytest.mark.parametrize("start", STARTS)
def test_twenty_commits_find_a_size_within_a_twentieth_of_the_best(price: Price, start: int) -> None:
    tuner = BatchSizeTuner(start, SMALLEST, LARGEST)
    lived(tuner, price, 20)
    settled = median(lived(tuner, price, 9))
    assert settled / price(settled) > 0.95 * best_rate(price)
    assert price(settled) <= FLUSH_SECONDS


@pytest.mark.parametrize("price", PRICES.values(), ids=PRICES)
def test_it_does_so_nearly_always_where_times_vary_and_commits_are_held_up(price: Price) -> None:
    best, good = best_rate(price), 0
    for start in STARTS:
        for seed in range(20):
            rng, tuner = random.Random(seed), BatchSizeTuner(start, SMALLEST, LARGEST)
            lived(tuner, price, 20, rng)
            settled = median(lived(tuner, price, 9, rng))
            good += settled / price(settled) > 0.93 * best
    assert good >= 0.85 * 20 * len(STARTS)


def test_of_sizes_that_are_equally_fast_the_smallest_is_taken() -> None:
    """It holds locks for the shortest time, and the least in memory."""
    tuner = BatchSizeTuner(20_000, 100, 20_000)
    assert median(lived(tuner, lambda rows: 1e-5 * rows, 60)[-9:]) < 300


def test_a_server_that_becomes_slow_gets_smaller_batches_and_large_ones_when_it_has_recovered() -> None:
    tuner = BatchSizeTuner(1000, 100, 20_000)
    usual = PRICES["a server near by"]

    def slow(rows: float) -> float:
        return 20 * usual(rows)

    before = median(lived(tuner, usual, 40)[-9:])
    during = lived(tuner, slow, 40)
    assert slow(during[3]) <= FLUSH_SECONDS
    assert median(during[-9:]) < before / 2
    assert median(lived(tuner, usual, 60)[-9:]) > before / 2


def test_a_server_that_becomes_very_slow_is_not_kept_busy_by_one_batch_for_long() -> None:
    """A commit of the size that was best takes ten seconds now, and nothing is known of smaller ones."""
    tuner = BatchSizeTuner(1000, 100, 20_000)

    def slow(rows: float) -> float:
        return 0.003 + 1e-3 * rows

    lived(tuner, PRICES["a server near by"], 40)
    lived(tuner, slow, 6)
    assert max(map(slow, lived(tuner, slow, 40))) < 2 * FLUSH_SECONDS
    assert median(lived(tuner, PRICES["a server near by"], 60)[-9:]) > 5000


def test_where_every_commit_takes_long_it_is_no_use_to_make_them_small() -> None:
    """Half a second is out of reach, and three times the least that a commit takes brings two thirds of the rows."""
    tuner = BatchSizeTuner(1000, 100, 10_000)

    def price(rows: float) -> float:
        return 0.6 + 1e-4 * rows

    settled = median(lived(tuner, price, 60)[-9:])
    assert settled / price(settled) > 0.6 / 1e-4
    assert price(settled) < 3.1 * price(100)


def test_one_commit_that_is_held_up_changes_nothing() -> None:
    tuner = BatchSizeTuner(1000, 100, 20_000)
    lived(tuner, PRICES["a server near by"], 40)
    size = tuner.size
    tuner.record(size, 30.0)
    assert tuner.size == size


def test_batches_that_are_not_full_say_nothing_of_the_size() -> None:
    tuner = BatchSizeTuner(1000, 100, 20_000)
    for _ in range(100):
        tuner.record(200, 0.001)
    assert tuner.size == 1000


def test_a_conflict_halves_the_size_for_a_while() -> None:
    tuner = BatchSizeTuner(1000, 100, 20_000)
    lived(tuner, PRICES["a server near by"], 40)
    settled = tuner.size
    tuner.record_conflict()
    assert tuner.size == pytest.approx(settled / 2, rel=0.01)
    tuner.record_conflict()
    assert tuner.size == pytest.approx(settled / 4, rel=0.01)
    assert median(lived(tuner, PRICES["a server near by"], 60)[-9:]) > settled / 2


def test_a_limit_is_kept_to_and_lifted() -> None:
    """Whatever would be faster."""
    tuner = BatchSizeTuner(1000, 100, 20_000)
    lived(tuner, PRICES["a server near by"], 40)
    tuner.limit(700.0)
    assert max(lived(tuner, PRICES["a server near by"], 40)) <= 700
    tuner.limit(1.0)
    assert tuner.size == 100
    tuner.limit(1e9)
    assert median(lived(tuner, PRICES["a server near by"], 60)[-9:]) > 5000


def test_conflicts_without_end_leave_the_smallest_size() -> None:
    tuner = BatchSizeTuner(1000, 100, 20_000)
    for _ in range(30):
        tuner.record_conflict()
    assert tuner.size == 100
    tuner.record(100, 0.1)
    assert tuner.size == 100


@pytest.mark.parametrize(
    ("start", "smallest", "largest"), [(1, 1, 1), (5, 1, 50), (1000, 100, 10_000), (3, 3, 4)]
)
def test_the_size_never_leaves_its_bounds(start: int, smallest: int, largest: int) -> None:
    tuner, rng = BatchSizeTuner(start, smallest, largest), random.Random(1)
    for _ in range(300):
        assert smallest <= tuner.size <= largest
        if rng.random() < 0.1:
            tuner.record_conflict()
        else:
            tuner.record(tuner.size, rng.expovariate(10.0))
