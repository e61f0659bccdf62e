"""Quotas from headers, kept to whatever order the answers come in."""

from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.rate.header_limits import ANNOUNCED_SECONDS, HeaderLimits
from cryoasync.control.rate.rate_headers import Quota
from cryoasync.control.rate.rate_policy import CountWindow


def quota(available: int, seconds: float = 10.0) -> Quota:
    return Quota(available=available, seconds=seconds)


def is_open(limits: HeaderLimits, now: float, endpoint: str = "property") -> bool:
    return limits.closed_until(endpoint, now) <= now


def test_an_endpoint_closes_when_its_quota_is_used_up_and_opens_when_its_time_is_over() -> None:
    limits = HeaderLimits()
    number = limits.sent("property")
    limits.take("property", number, [quota(2)], 1.0)
    limits.sent("property")
    assert is_open(limits, 2.0)
    limits.sent("property")
    assert limits.closed_until("property", 2.0) == 11.0
    assert is_open(limits, 11.0)
    assert is_open(limits, 2.0, "synonyms")


def test_what_was_sent_since_the_answer_was_written_is_taken_off() -> None:
    """Three more were on their way when the source counted."""
    limits = HeaderLimits()
    number = limits.sent("property")
    for _ in range(3):
        limits.sent("property")
    assert limits.take("property", number, [quota(3)], 1.0)
    assert not is_open(limits, 1.0)


def test_of_two_instances_the_stricter_one_is_believed_for_its_time() -> None:
    limits = HeaderLimits()
    limits.take("property", limits.sent("property"), [quota(0, 10.0)], 0.0)
    limits.take("property", 1, [quota(100, 60.0)], 1.0)
    assert limits.closed_until("property", 5.0) == 10.0
    limits.take("property", 1, [quota(100, 60.0)], 10.0)
    assert is_open(limits, 10.0)


def test_an_announced_window_holds_for_a_minute_after_it_was_seen_last() -> None:
    limits, window = HeaderLimits(), CountWindow(limit=2, seconds=1.0)
    assert limits.announce([window], 0.0)
    assert not limits.announce([window], 30.0)
    assert limits.windows(29.0 + ANNOUNCED_SECONDS) == (window,)
    assert limits.windows(30.0 + ANNOUNCED_SECONDS) == ()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5)), min_size=1, max_size=40))
def test_a_quota_is_never_exceeded_whatever_comes_after_it(steps: list[tuple[int, int]]) -> None:
    """The server counts too: from the answer that gave a quota on, no more than it come within its time."""
    limits, now = HeaderLimits(), 0.0
    granted: list[tuple[float, int]] = []
    sends: list[float] = []
    for available, pause in steps:
        if is_open(limits, now):
            number = limits.sent("property")
            sends.append(now)
            limits.take("property", number, [quota(available, 3.0)], now)
            granted.append((now, available))
        now += pause / 2
    for at, available in granted:
        assert sum(at < sent < at + 3.0 for sent in sends) <= available
