"""How long a host is left alone: events, not answers, and never less than it asks for."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.rate.throttle import (
    MAXIMUM_BLOCK_SECONDS,
    MAXIMUM_JITTER_SECONDS,
    Refusal,
    ThrottleBackoff,
)

DAY = 86_400.0


class Highest(random.Random):
    """Draws the longest wait."""

    def uniform(self, a: float, b: float) -> float:
        return b


def refusal(sent_at: float, retry_after: float | None = None, *, blocked: bool = False) -> Refusal:
    return Refusal(sent_at=sent_at, retry_after_seconds=retry_after, blocked=blocked)


def waits(events: int, retry_after: float | None = None, *, blocked: bool = False) -> list[float | None]:
    """The waits of one event after the other, each met by a request sent after the one before."""
    backoff = ThrottleBackoff(Highest())
    return [
        backoff.refused(refusal(event + 0.5, retry_after, blocked=blocked), event + 1.0)
        for event in range(events)
    ]


def test_each_event_doubles_the_patience_up_to_a_minute() -> None:
    assert waits(10) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_block_begins_at_half_a_minute_and_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert waits(7, blocked=True) == [30.5, 61.0, 122.0, 244.0, 488.0, 916.0, 932.0]


def test_eight_answers_to_requests_sent_before_the_refusal_are_one_event() -> None:
    backoff = ThrottleBackoff(Highest())
    first = backoff.refused(refusal(0.9), 1.0)
    later = [backoff.refused(refusal(0.9), 1.0 + late / 10) for late in range(1, 9)]
    assert (first, set(later)) == (0.5, {None})
    assert backoff.refused(refusal(2.0), 3.0) == 1.0


def test_a_further_answer_of_the_same_event_is_granted_what_it_asks_for() -> None:
    """The first refusal may name no time, and a later one may tell of a block; still it is one event."""
    backoff = ThrottleBackoff(Highest())
    backoff.refused(refusal(0.9), 1.0)
    assert backoff.refused(refusal(0.9, 30.0), 1.1) == 30.0
    assert backoff.refused(refusal(0.9, blocked=True), 1.2) == 30.0
    assert backoff.refused(refusal(31.5), 32.0) == 1.0


def test_a_good_answer_to_a_later_request_forgets_the_events() -> None:
    backoff = ThrottleBackoff(Highest())
    for event in range(4):
        backoff.refused(refusal(event), event + 0.5)
    backoff.accepted(3.4)
    assert backoff.refused(refusal(4.0), 4.5) == 8.0, "sent before the last refusal, so it proves nothing"
    backoff.accepted(4.5)
    assert backoff.refused(refusal(5.0), 5.5) == 0.5


@pytest.mark.parametrize("blocked", [False, True], ids=["throttled", "blocked"])
def test_a_day_of_refusals_keeps_the_longest_wait(*, blocked: bool) -> None:
    longest = MAXIMUM_JITTER_SECONDS + MAXIMUM_BLOCK_SECONDS * blocked
    assert waits(3000, blocked=blocked)[-1] == longest


@given(
    seed=st.integers(),
    asked=st.lists(st.tuples(st.none() | st.floats(0.1, 3600.0), st.booleans()), min_size=1, max_size=30),
)
def test_the_host_gets_what_it_asks_for_and_at_most_a_minute_more(
    seed: int, asked: list[tuple[float | None, bool]]
) -> None:
    backoff = ThrottleBackoff(random.Random(seed))
    for event, (retry_after, blocked) in enumerate(asked):
        wait = backoff.refused(refusal(event * DAY, retry_after, blocked=blocked), (event + 0.5) * DAY)
        assert wait is not None
        floor = max(retry_after or 0.0, 30.0 if blocked else 0.0)
        assert floor <= wait <= max(floor, MAXIMUM_BLOCK_SECONDS * blocked) + MAXIMUM_JITTER_SECONDS
