"""What the simulator tells of its traffic."""

from cryoasync.simulator.policy import Limits
from cryoasync.simulator.statistics import Statistics, TrafficMonitor


def observe(limits: Limits | None, times: list[float], running_seconds: float = 0.0) -> Statistics:
    monitor = TrafficMonitor(limits)
    for time in times:
        monitor.arrive(time, running_seconds)
    return monitor.summary("steady", 0, 0)


def test_each_arrival_that_overfills_a_window_is_a_violation() -> None:
    """The sixth and the seventh arrival within a second are two violations."""
    statistics = observe(Limits(), [0.0] * 7)
    assert (statistics.requests, statistics.violations, statistics.peak_per_second) == (7, 2, 7)


def test_a_client_that_keeps_the_windows_has_no_violation() -> None:
    """The full legal pace of 5 a second for two minutes breaks nothing."""
    statistics = observe(Limits(), [float(step // 5) for step in range(600)])
    assert statistics.violations == 0
    assert (statistics.peak_per_second, statistics.peak_per_minute) == (5, 300)


def test_the_minute_is_watched_as_well() -> None:
    """The 401st arrival within a minute is a violation although each second is kept."""
    statistics = observe(Limits(requests_per_second=1000), [step / 7 for step in range(401)])
    assert statistics.violations == 1


def test_an_arrival_without_running_time_left_is_a_violation() -> None:
    """300 s of running time within a minute leave no room for another request."""
    statistics = observe(Limits(), [0.0], running_seconds=300.0)
    assert (statistics.violations, statistics.running_seconds_peak) == (1, 300.0)


def test_without_a_policy_nothing_is_a_violation() -> None:
    """Peaks are measured all the same."""
    statistics = observe(None, [0.0] * 1000)
    assert (statistics.violations, statistics.peak_per_second) == (0, 1000)


def test_arrivals_are_kept_for_checks_from_outside() -> None:
    """The times are those of the arrivals, in their order."""
    assert observe(Limits(), [0.25, 0.5, 7.0]).arrivals == [0.25, 0.5, 7.0]
