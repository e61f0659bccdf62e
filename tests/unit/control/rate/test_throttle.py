"""How long a host is left alone: events, not answers, and never less than it asks for."""

import random
from dataclasses import dataclass, field
from itertools import pairwise

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


@dataclass(slots=True)
class Block:
    """A block that every request into it prolongs, sat out by single requests that say whether it is over."""

    lasts_seconds: float
    rng: random.Random
    prolonged_seconds: float = 5.0
    asked_at: list[float] = field(default_factory=list)

    def sit_out(self, retry_after: float | None = None) -> float:
        """Return how long after the end the request went out that was let in."""
        backoff, now, until = ThrottleBackoff(self.rng), 0.0, self.lasts_seconds
        while now < until:
            self.asked_at.append(now)
            until += self.prolonged_seconds * (now > 0.0)
            wait = backoff.refused(refusal(now, retry_after, blocked=True), now + 0.05)
            assert wait is not None
            now += 0.05 + wait
        return now - until


@pytest.mark.parametrize(
    ("lasts_seconds", "late_seconds", "requests"), [(120, 45, 5), (240, 62, 8), (3600, 260, 35)]
)
def test_a_block_sat_out_ends_close_after_the_source_forgives(
    lasts_seconds: float, late_seconds: float, requests: int
) -> None:
    for seed in range(50):
        block = Block(lasts_seconds, random.Random(seed))
        assert block.sit_out() <= late_seconds
        assert len(block.asked_at) <= requests
        assert min(later - at for at, later in pairwise(block.asked_at)) >= 30.0


def test_the_patience_with_a_block_grows_up_to_a_quarter_of_an_hour() -> None:
    block = Block(3 * DAY, Highest(), prolonged_seconds=0.0)
    block.sit_out()
    between = [round(later - at, 3) for at, later in pairwise(block.asked_at)]
    assert between == sorted(between)
    assert between[0] == 30.0 * 1.25 + 0.05
    assert between[-1] == MAXIMUM_BLOCK_SECONDS + MAXIMUM_JITTER_SECONDS + 0.05


def test_into_a_block_goes_one_request_for_each_time_that_it_asks_for() -> None:
    block = Block(3600.0, random.Random(1))
    block.sit_out(retry_after=300.0)
    assert min(later - at for at, later in pairwise(block.asked_at)) >= 300.0


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


def test_a_day_of_refusals_keeps_the_longest_wait() -> None:
    assert waits(3000)[-1] == MAXIMUM_JITTER_SECONDS


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
