"""The policy as the server applies it, under a clock by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.simulator.policy import (
    AccessPolicy,
    LimitCut,
    Limits,
    Policy,
    RunningTime,
    SlidingWindow,
    Verdict,
    throttling_text,
)

NEVER_BLOCKS = 10**9


def verdicts(access: AccessPolicy, times: list[float]) -> list[Verdict]:
    return [access.arrive(time) for time in times]


def test_the_sixth_arrival_within_a_second_is_refused() -> None:
    """Five arrivals fill the second; one more is over the limit, however close to its end."""
    access = AccessPolicy(Policy())
    assert set(verdicts(access, [0.0, 0.1, 0.2, 0.3, 0.4])) == {Verdict.ADMITTED}
    assert access.arrive(0.999) is Verdict.OVER_LIMIT
    assert access.arrive(1.0) is Verdict.ADMITTED
    assert access.arrive(1.05) is Verdict.OVER_LIMIT


def test_arrivals_at_the_full_legal_pace_are_never_refused() -> None:
    """Five arrivals at the stroke of each second may go on for ever."""
    access = AccessPolicy(Policy())
    assert set(verdicts(access, [float(step // 5) for step in range(2000)])) == {Verdict.ADMITTED}


def test_the_minute_binds_where_the_second_does_not() -> None:
    """With a wider second, the 401st arrival within a minute is refused."""
    access = AccessPolicy(Policy(limits=Limits(requests_per_second=1000)))
    assert set(verdicts(access, [step / 10 for step in range(400)])) == {Verdict.ADMITTED}
    assert access.arrive(59.9) is Verdict.OVER_LIMIT
    assert access.arrive(60.0) is Verdict.ADMITTED


def test_running_time_binds_before_the_counts_do() -> None:
    """Ten requests of 30 s each use up the minute's running time; it comes back as the minute slides."""
    access = AccessPolicy(Policy())
    for start in range(10):
        assert access.arrive(float(start)) is Verdict.ADMITTED
        access.running.finish(access.running.start(float(start)), start + 30.0)
    assert access.running.used_seconds(45.0) == pytest.approx(300.0)
    assert access.arrive(45.0) is Verdict.OVER_LIMIT
    assert access.arrive(62.0) is Verdict.ADMITTED


def test_unfinished_requests_use_running_time() -> None:
    """What still runs counts up to now."""
    running = RunningTime()
    running.start(0.0)
    assert running.used_seconds(10.0) == pytest.approx(10.0)
    assert running.used_seconds(100.0) == pytest.approx(60.0)
    assert running.in_flight == 1


def test_a_request_that_straddles_the_minutes_begin_counts_in_part() -> None:
    """Only the part inside the last minute is used running time."""
    running = RunningTime()
    running.finish(running.start(0.0), 20.0)
    assert running.used_seconds(70.0) == pytest.approx(10.0)
    assert running.used_seconds(80.0) == 0.0


def test_continued_excess_blocks_and_each_request_inside_prolongs() -> None:
    """Ten refusals block for 120 s, and a request inside adds 5 s."""
    access = AccessPolicy(Policy())
    outcome = verdicts(access, [0.0] * 15)
    assert outcome == [Verdict.ADMITTED] * 5 + [Verdict.OVER_LIMIT] * 10
    assert access.blocks == 1
    assert access.arrive(119.0) is Verdict.BLOCKED
    assert access.arrive(124.9) is Verdict.BLOCKED
    assert access.arrive(130.0) is Verdict.ADMITTED


def test_the_second_block_is_longer() -> None:
    """A block that follows a block lasts twice as long."""
    access = AccessPolicy(Policy())
    verdicts(access, [0.0] * 15)
    verdicts(access, [120.0] * 15)
    assert access.blocks == 2
    assert access.arrive(359.0) is Verdict.BLOCKED
    assert access.arrive(365.0) is Verdict.ADMITTED


def test_refusals_spread_over_more_than_a_minute_do_not_block() -> None:
    """Nine refusals a minute stay refusals."""
    access = AccessPolicy(Policy())
    for minute in range(5):
        verdicts(access, [60.0 * minute] * 14)
    assert access.blocks == 0


def test_a_neighbours_block_meets_the_first_request() -> None:
    """The address is blocked from the first request on, and no block of one's own is counted."""
    access = AccessPolicy(Policy(neighbour_block_seconds=60.0, prolong_seconds=0.0))
    assert access.arrive(1000.0) is Verdict.BLOCKED
    assert access.arrive(1059.9) is Verdict.BLOCKED
    assert access.arrive(1060.0) is Verdict.ADMITTED
    assert access.blocks == 0


def test_a_silent_cut_refuses_while_its_headers_stay_green() -> None:
    """From 20 s to 80 s only two arrivals a second pass, and the status does not tell."""
    access = AccessPolicy(Policy(cut=LimitCut(), refusals_to_block=NEVER_BLOCKS))
    assert access.arrive(0.0) is Verdict.ADMITTED
    assert verdicts(access, [20.0] * 3) == [Verdict.ADMITTED] * 2 + [Verdict.OVER_LIMIT]
    assert verdicts(access, [80.0] * 6) == [Verdict.ADMITTED] * 5 + [Verdict.OVER_LIMIT]
    assert access.status(80.0).startswith("Request Count status: Green (0%), Request Time status: Green (0%)")


def test_the_status_tells_how_much_of_the_minute_is_used() -> None:
    """200 of 400 requests are 50 %, which is yellow."""
    access = AccessPolicy(Policy(limits=Limits(requests_per_second=1000)))
    verdicts(access, [0.0] * 200)
    assert access.status(1.0).startswith("Request Count status: Yellow (50%), Request Time status: Green")


@pytest.mark.parametrize(
    ("percent", "colour"),
    [(0, "Green"), (49, "Green"), (50, "Yellow"), (75, "Yellow"), (76, "Red"), (100, "Red"), (101, "Black")],
)
def test_colours_follow_the_percentages(percent: int, colour: str) -> None:
    """Each indicator's colour is that of its percentage."""
    assert throttling_text(percent, 0, 0).startswith(f"Request Count status: {colour} ({percent}%), ")


@given(st.lists(st.floats(min_value=0, max_value=0.5), min_size=1, max_size=200))
def test_no_second_ever_holds_more_than_five_admitted_arrivals(gaps: list[float]) -> None:
    """Whatever the client does, admitted arrivals keep the limit of the second."""
    access = AccessPolicy(Policy(refusals_to_block=NEVER_BLOCKS))
    now, admitted = 0.0, []
    for gap in gaps:
        now += gap
        if access.arrive(now) is Verdict.ADMITTED:
            admitted.append(now)
    assert all(later - 1.0 >= earlier for earlier, later in zip(admitted, admitted[5:], strict=False))


@given(st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=100))
def test_a_window_counts_as_a_plain_scan_does(gaps: list[float]) -> None:
    """The sliding count equals counting all arrivals again."""
    window, times = SlidingWindow(1.0), [0.0]
    window.add(0.0)
    for gap in gaps:
        times.append(times[-1] + gap)
        window.add(times[-1])
        assert window.count(times[-1]) == sum(time > times[-1] - 1.0 for time in times)
