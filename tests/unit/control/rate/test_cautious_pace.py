"""The pace of a timetable, and what refusals make of it."""

from datetime import datetime

import pytest

from cryoasync.control.rate.cautious_pace import CautiousPace
from cryoasync.service.work import timetable_of
from cryoasync.settings import HoursSettings

BUSY = datetime(2026, 11, 24, 10, 30)  # noqa: DTZ001 - the source's own time
TIMES = {
    BUSY: (1.0, 0.1),
    datetime(2026, 11, 24, 9, 0): (1.0, 0.1),  # noqa: DTZ001
    datetime(2026, 11, 24, 17, 0): (3.0, 0.2),  # noqa: DTZ001
    datetime(2026, 11, 24, 3, 0): (3.0, 0.2),  # noqa: DTZ001
    datetime(2026, 11, 22, 10, 30): (5.0, 1 / 3),  # noqa: DTZ001
}
"""Moments of the source's week, with the pace and the slowest that refusals make it."""


@pytest.mark.parametrize("local", TIMES, ids=str)
def test_the_pace_is_that_of_the_hour_and_refusals_slow_it_down_to_a_bound(local: datetime) -> None:
    pace = CautiousPace(timetable_of(HoursSettings()))
    usual, slowest = TIMES[local]
    assert pace.requests_per_second(local) == pytest.approx(usual)
    for number in range(100):
        pace.refused(float(number), number + 0.5)
    assert pace.requests_per_second(local) == pytest.approx(slowest)


def test_refusals_of_one_moment_are_one_event_and_good_answers_bring_the_pace_back() -> None:
    pace = CautiousPace(timetable_of(HoursSettings()))
    for _ in range(8):
        pace.refused(0.9, 1.0)
    assert pace.requests_per_second(BUSY) == 0.5
    assert pace.name(BUSY) == "weekday business hours, 0.5 a second"
    pace.accepted()
    assert pace.requests_per_second(BUSY) == 1.0
    pace.accepted()
    assert pace.requests_per_second(BUSY) == 1.0


def test_a_delay_longer_than_the_bound_by_itself_is_kept() -> None:
    hours = HoursSettings(business_rate=0.05)
    pace = CautiousPace(timetable_of(hours))
    pace.refused(0.0, 0.0)
    assert pace.requests_per_second(BUSY) == 0.05
