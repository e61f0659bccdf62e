"""Usual costs by half-hour."""

from datetime import time

import pytest

from cryoasync.control.chunks.half_hours import HalfHourTable, UsualCost, half_hour_of

QUICK = UsualCost(base_seconds=0.1, seconds_an_id=0.004, hazard=0.0)
SLOW = UsualCost(base_seconds=0.3, seconds_an_id=0.008, hazard=0.01)


@pytest.mark.parametrize(
    ("at", "day", "half_hour"),
    [
        (time(0, 0), 0, 0),
        (time(9, 29), 4, 18),
        (time(9, 30), 4, 19),
        (time(0, 0), 5, 48),
        (time(23, 59), 6, 95),
    ],
)
def test_weekdays_and_weekends_have_half_hours_of_their_own(at: time, day: int, half_hour: int) -> None:
    assert half_hour_of(at, day) == half_hour


def test_each_visit_counts_as_much_as_all_before_it() -> None:
    table = HalfHourTable().with_visit(19, {"property": QUICK})
    assert table.usual(19, "property") == QUICK
    mixed = table.with_visit(19, {"property": SLOW}).usual(19, "property")
    assert mixed is not None
    assert mixed.base_seconds == pytest.approx(0.2)
    assert mixed.hazard == pytest.approx(0.005)
    assert table.usual(19, "property") == QUICK, "a table that was handed out stays as it is"


def test_what_was_seen_last_is_known_for_each_endpoint() -> None:
    table = HalfHourTable().with_visit(19, {"property": QUICK}).with_visit(20, {"synonyms": SLOW})
    assert table.latest == {"property": QUICK, "synonyms": SLOW}
    assert table.usual(20, "property") is None
