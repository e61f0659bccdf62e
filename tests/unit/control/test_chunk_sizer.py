"""How many ids a request carries."""

from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.error_category import ErrorCategory

TOO_BIG = ErrorCategory.TOO_BIG


def sizes(sizer: AdaptiveChunkSizer, outcomes: list[ErrorCategory | None]) -> list[int]:
    """The sizes after each outcome of a full chunk."""
    told = []
    for outcome in outcomes:
        sizer.record_result(sizer.get_next_chunk_size(), outcome)
        told.append(sizer.get_next_chunk_size())
    return told


def test_it_begins_with_the_largest_size() -> None:
    assert AdaptiveChunkSizer(5, 200).get_next_chunk_size() == 200


def test_each_chunk_too_big_halves_the_next_down_to_the_smallest() -> None:
    assert sizes(AdaptiveChunkSizer(5, 200), [TOO_BIG] * 7) == [100, 50, 25, 12, 6, 5, 5]


def test_ten_good_answers_bring_the_largest_size_back() -> None:
    sizer = AdaptiveChunkSizer(5, 200)
    sizes(sizer, [TOO_BIG] * 7)
    assert sizes(sizer, [None] * 10) == [25, 45, 65, 85, 105, 125, 145, 165, 185, 200]


def test_chunks_sent_before_the_first_was_too_big_halve_only_once() -> None:
    """Eight workers that each carried 200 are one lesson, not eight."""
    sizer = AdaptiveChunkSizer(5, 200)
    for _ in range(8):
        sizer.record_result(200, TOO_BIG)
    assert sizer.get_next_chunk_size() == 100


def test_a_small_rest_that_went_well_proves_nothing() -> None:
    sizer = AdaptiveChunkSizer(5, 200)
    sizes(sizer, [TOO_BIG] * 2)
    sizer.record_result(49, None)
    assert sizer.get_next_chunk_size() == 50


@given(
    bounds=st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)).map(sorted),
    answers=st.lists(
        st.tuples(st.integers(1, 10_000), st.none() | st.sampled_from(list(ErrorCategory))), max_size=60
    ),
)
def test_only_the_size_itself_changes_the_size_and_never_beyond_its_bounds(
    bounds: list[int], answers: list[tuple[int, ErrorCategory | None]]
) -> None:
    smallest, largest = bounds
    sizer = AdaptiveChunkSizer(smallest, largest)
    for size, error in answers:
        before = sizer.get_next_chunk_size()
        sizer.record_result(size, error)
        after = sizer.get_next_chunk_size()
        assert smallest <= after <= largest
        match error:
            case None:
                assert after >= before
            case ErrorCategory.TOO_BIG:
                assert after <= before
            case _:
                assert after == before
