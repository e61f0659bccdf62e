"""How many ids a request carries."""

import dataclasses
import math
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.chunks.chunk_choice import Budget, ChunkChoice, Limit
from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.troubles.error_category import ErrorCategory
from tests.unit.control.chunks.sizing import MONDAY, NOON, SATURDAY, LineSource, chunk_sizer

TOO_BIG = ErrorCategory.TOO_BIG
SIZES = (5, 8, 12, 18, 25, 35, 50, 65, 80, 100, 120, 140, 160, 180, 200)


def next_size(sizer: AdaptiveChunkSizer) -> int:
    return sizer.get_next_chunk_size(NOON, MONDAY)


def share_of_best(source: LineSource, sizes: list[int]) -> float:
    best = max(source.worth(size) for size in SIZES)
    return sum(source.worth(size) for size in sizes) / len(sizes) / best


def test_it_begins_with_the_largest_size() -> None:
    assert next_size(chunk_sizer()) == 200


def test_before_there_are_answers_each_chunk_too_big_halves_the_next_down_to_the_smallest() -> None:
    sizer = chunk_sizer()
    sizes = []
    for _ in range(7):
        sizes.append(next_size(sizer))
        sizer.record_result(sizes[-1], 0.0, 1.0, TOO_BIG, "property")
    assert sizes == [200, 100, 50, 25, 12, 5, 5]


def test_a_source_that_bears_it_gets_the_largest_size_always() -> None:
    """Its rate is the limit, and no failure speaks for less."""
    assert set(LineSource(chunk_sizer()).answer(1000)) == {200}


def test_where_larger_chunks_fail_more_often_the_best_size_is_found() -> None:
    source = LineSource(chunk_sizer())
    source.hazard = 0.01
    source.answer(150)
    assert share_of_best(source, source.answer(500)) > 0.95


@pytest.mark.parametrize(
    ("slowness", "hazard"), [(1.0, 0.015), (2.0, 0.008), (3.0, 0.004), (6.0, 0.0), (1.0, 0.03)]
)
def test_after_an_abrupt_change_fifty_chunks_bring_it_within_five_per_cent(
    slowness: float, hazard: float
) -> None:
    """And as many back."""
    source = LineSource(chunk_sizer())
    source.answer(1000)
    source.slowness, source.hazard = slowness, hazard
    source.answer(50)
    assert share_of_best(source, source.answer(200)) > 0.95
    source.slowness, source.hazard = 1.0, 0.0
    source.answer(50)
    assert share_of_best(source, source.answer(200)) > 0.95


def test_no_chunk_is_asked_for_that_would_take_longer_than_the_source_works() -> None:
    source = LineSource(chunk_sizer())
    source.answer(200)
    source.slowness = 60.0
    source.answer(60)
    source.answer(1000)
    assert sum(seconds > 25 for seconds in source.took_seconds[-1000:]) <= 10
    assert sum(source.chosen[-300:]) / 300 > 15, "though not smaller than it must be"
    explanation = source.sizer.explanation()
    assert explanation is not None
    assert explanation.limit is Limit.TIMEOUT


def test_a_size_that_is_always_refused_is_given_up_though_smaller_ones_never_are() -> None:
    """Chances that grow with the size would say: try again."""
    source = LineSource(chunk_sizer())
    source.answer(100)
    source.refuses_above = 100
    source.answer(100)
    sizes = source.answer(2000)
    assert sum(size > 100 for size in sizes) < 60
    assert share_of_best_below(source, sizes, 100) > 0.94


def share_of_best_below(source: LineSource, sizes: list[int], largest: int) -> float:
    """What the sizes bring of what the largest that is not refused would."""
    return sum(source.worth(size) for size in sizes if size <= largest) / len(sizes) / source.worth(largest)


def test_an_outage_is_no_lesson_on_sizes() -> None:
    source = LineSource(chunk_sizer())
    source.answer(300)
    for _ in range(100):
        size = next_size(source.sizer)
        source.sizer.record_result(size, 0.0, 0.1, ErrorCategory.OVERLOADED, "property")
        source.sizer.record_result(size, 0.0, 35.0, ErrorCategory.UNREACHABLE, "property")
    source.answer(60)
    assert set(source.answer(100)) == {200}


@pytest.mark.parametrize(
    "error", [ErrorCategory.THROTTLED, ErrorCategory.BLOCKED, ErrorCategory.REJECTED, ErrorCategory.NOT_FOUND]
)
def test_troubles_that_have_nothing_to_do_with_the_size_teach_nothing(error: ErrorCategory) -> None:
    source, other = LineSource(chunk_sizer()), LineSource(chunk_sizer())
    for each in (source, other):
        each.hazard = 0.01
        each.answer(100)
    for _ in range(50):
        other.sizer.record_result(200, 0.0, 30.0, error, "property")
    assert source.answer(100) == other.answer(100)


def test_rests_and_halves_teach_nothing() -> None:
    source, other = LineSource(chunk_sizer()), LineSource(chunk_sizer())
    for each in (source, other):
        each.answer(100)
    for _ in range(50):
        other.sizer.record_result(100, 0.0, 30.0, TOO_BIG, "property")
        other.sizer.record_result(3, 1.0, 10.0, None, "property")
    assert source.sizer.learned().latest == other.sizer.learned().latest


def test_two_endpoints_share_a_size_and_their_times_add_up() -> None:
    """Where each alone would leave the rate the limit, both together take all the running time."""
    one, two = (LineSource(chunk_sizer(), endpoints=names) for names in (("a",), ("a", "b")))
    for source in (one, two):
        source.hazard, source.slowness = 0.002, 1.4
        source.answer(600)
    assert share_of_best(two, two.answer(300)) > 0.97
    assert sum(two.answer(300)) < sum(one.answer(300)), "two hazards make a chunk smaller"


def test_no_more_than_two_chunks_of_untried_sizes_are_under_way() -> None:
    source = LineSource(chunk_sizer())
    source.answer(40)
    source.slowness, source.hazard = 3.0, 0.02
    source.answer(12)
    tried = set(source.chosen)
    sizes = [next_size(source.sizer) for _ in range(40)]
    assert sum(size not in tried for size in sizes) <= 2


def test_a_fixed_size_is_never_left() -> None:
    source = LineSource(chunk_sizer(100, 100))
    source.hazard = 0.02
    assert set(source.answer(300)) == {100}


def test_every_choice_follows_from_its_record() -> None:
    source = LineSource(chunk_sizer(maximum=500), endpoints=("a", "b"))
    explored = 0
    for step in range(1500):
        source.hazard = 0.008 * (step // 300 % 2)
        source.slowness = 1.0 + step // 500
        (size,) = source.answer(1)
        choice = source.sizer.last_choice
        assert choice is not None
        assert choice.recomputed() == choice.size == size
        explored += choice.explored
    assert 0 < explored < 1500
    assert choice is not None
    as_told = dataclasses.asdict(choice)
    assert as_told["half_hour"] == 24
    assert len(as_told["drawn"]) == 2


def test_the_same_answers_and_the_same_seed_give_the_same_sizes() -> None:
    first, again = LineSource(chunk_sizer()), LineSource(chunk_sizer())
    for source in (first, again):
        source.hazard = 0.01
    assert first.answer(500) == again.answer(500)


def test_what_was_learned_survives_a_restart() -> None:
    """The next run begins near the best size, not at the largest."""
    source = LineSource(chunk_sizer())
    source.hazard = 0.02
    source.answer(800)
    after = LineSource(chunk_sizer(table=source.sizer.learned()))
    after.hazard = 0.02
    after.answer(25)
    assert share_of_best(after, after.answer(40)) > 0.95
    fresh = LineSource(chunk_sizer())
    fresh.hazard = 0.02
    fresh.answer(25)
    assert share_of_best(after, after.chosen) > share_of_best(fresh, fresh.chosen)


def test_a_busy_half_hour_is_prepared_for_before_it_shows() -> None:
    source = LineSource(chunk_sizer())
    for _ in range(2):
        for at, hazard in ((time(8, 45), 0.0), (time(9, 0), 0.02)):
            source.at, source.hazard = at, hazard
            source.answer(600)
    source.at, source.hazard = time(8, 45), 0.0
    assert source.answer(600)[-1] == 200
    source.at = time(9, 10)
    first = source.answer(1)[0]
    assert first <= 120
    weekend = source.sizer.get_next_chunk_size(time(9, 0), SATURDAY)
    assert weekend < 200, "of a half-hour that is not known, what was just seen is believed"


def test_the_explanation_tells_what_each_size_promises_and_what_limits_it() -> None:
    source = LineSource(chunk_sizer())
    assert source.sizer.explanation() is None
    source.answer(1)
    before = source.sizer.explanation()
    assert before is not None
    assert (before.size, before.limit, before.considered) == (200, None, ())
    source.answer(300)
    told = source.sizer.explanation()
    assert told is not None
    assert (told.size, told.best, told.limit, told.explored) == (200, 200, Limit.RATE, False)
    assert [promise.size for promise in told.considered] == list(SIZES)
    largest = told.considered[-1]
    assert largest.low <= largest.per_second <= largest.high
    assert largest.per_second == pytest.approx(source.worth(200), rel=0.1)
    source.slowness = 3.0
    source.answer(100)
    assert _limit(source) is Limit.RUNNING_TIME
    source.hazard = 0.02
    source.answer(300)
    assert _limit(source) is Limit.HAZARD


def _limit(source: LineSource) -> Limit | None:
    explanation = source.sizer.explanation()
    assert explanation is not None
    return explanation.limit


ERRORS = st.none() | st.sampled_from(list(ErrorCategory))
ANSWERS = st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 100), ERRORS), max_size=80)


@given(
    bounds=st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)).map(sorted),
    answers=ANSWERS,
    rate=st.sampled_from([0.0, 0.01, 5.0, math.inf]),
)
def test_whatever_is_answered_sizes_keep_their_bounds(
    bounds: list[int], answers: list[tuple[int, float, float, ErrorCategory | None]], rate: float
) -> None:
    smallest, largest = bounds
    budget = Budget(requests_per_second=rate, running_seconds_per_second=5.0, longest_seconds=25.0)
    sizer = chunk_sizer(smallest, largest, budget=budget)
    for step, (ids, rows, seconds, error) in enumerate(answers):
        for size in (ids, next_size(sizer)):
            sizer.record_result(size, rows, seconds, error, "property")
        size = sizer.get_next_chunk_size(time(step % 24, 0), step % 7)
        assert smallest <= size <= largest
        assert isinstance(sizer.last_choice, ChunkChoice)
        assert sizer.last_choice.recomputed() == size
    assert sizer.explanation() is None or sizer.learned() is not None
