"""What fails together is one event."""

import random

from cryoasync.control.troubles.endpoint_backoff import LONGEST_CEILING_SECONDS, EndpointBackoff


def longest(seed_count: int, events: int, *, parallel: int = 1) -> float:
    """Return the longest wait after so many events of so many requests each, over many draws."""
    waits = []
    for seed in range(seed_count):
        backoff = EndpointBackoff(random.Random(seed))
        for event in range(events):
            waited = [backoff.failed(10.0 * event, 10.0 * event + 1) for _ in range(parallel)]
        waits += waited
    return max(waits)


def test_each_event_doubles_the_ceiling_up_to_a_bound() -> None:
    """The jitter is full: what failed together does not come back together."""
    for events, ceiling in enumerate((0.5, 1.0, 2.0, 4.0, 8.0, 8.0), 1):
        assert 0.9 * ceiling < longest(200, events) <= ceiling
    assert LONGEST_CEILING_SECONDS == 8.0


def test_many_requests_that_fail_together_are_one_event() -> None:
    assert longest(100, 2, parallel=8) <= 1.0


def test_a_good_answer_after_the_event_ends_it_and_an_older_one_does_not() -> None:
    backoff = EndpointBackoff(random.Random(1))
    for event in range(5):
        backoff.failed(10.0 * event, 10.0 * event + 1)
    backoff.passed(40.0)
    assert max(backoff.failed(0.0, 41.0) for _ in range(100)) > 4.0
    backoff.passed(41.0)
    assert max(backoff.failed(50.0, 51.0) for _ in range(1)) <= 0.5


def test_attempts_that_were_never_sent_grow_it_too() -> None:
    backoff = EndpointBackoff(random.Random(1))
    waits = [backoff.failed(None, float(now)) for now in range(400)]
    assert max(waits) > 7.0
