"""X-Throttling-Control, as PubChem has been seen to send it, and worse."""

import pytest

from cryoasync.control.rate.throttling_header import WorstOfAMinute, read_throttling

CALM = "Request Count status: Green (0%), Request Time status: Yellow (57%), Service status: Green (20%)"


def test_each_item_is_read_by_its_name() -> None:
    status = read_throttling(CALM)
    assert status is not None
    assert status.percents == {"request count": 0, "request time": 57, "service": 20}
    assert (status.text, status.is_blocked, status.blocking_seconds) == ("", False, None)


@pytest.mark.parametrize(
    ("value", "percents"),
    [
        ("Request Count status: Black (1340%)", {"request count": 1340}),
        (f"WebConverter status: Green (3%), {CALM}", {"webconverter": 3}),
        ("Request  Count status: Red (80 %)", {"request count": 80}),
        (f"Request Count status: Red ({'9' * 5000}%)", {}),
        ("request count STATUS: red (80%)", {"request count": 80}),
    ],
)
def test_there_may_be_any_items_and_any_percentage(value: str, percents: dict[str, int]) -> None:
    status = read_throttling(value)
    read = {} if status is None else status.percents
    assert {name: read[name] for name in percents} == percents


@pytest.mark.parametrize("value", ["", "nothing", "Request Count status: Green", "(5%)"])
def test_without_a_percentage_there_is_nothing_to_read(value: str) -> None:
    assert read_throttling(value) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("too many requests per second or blacklisted", None),
        ("Remaining blocking time: 120", 120.0),
        ("Remaining blocking time: 2 min", 120.0),
        ("Remaining Blocking Time: 1.5h", 5400.0),
        ("remaining blocking time 00:04:11", 251.0),
        ("Remaining blocking time: a while", None),
        ("Remaining blocking time: 0", None),
    ],
)
def test_the_text_behind_the_items_tells_of_a_block(text: str, seconds: float | None) -> None:
    """The colours are green all the while."""
    status = read_throttling(f"{CALM}, {text}")
    assert status is not None
    assert (status.is_blocked, status.text, status.blocking_seconds) == (True, text, seconds)


def test_the_worst_of_the_last_minute_counts() -> None:
    """Each instance knows a part of the traffic only, and none of what it said a minute ago."""
    worst = WorstOfAMinute()
    worst.add({"request count": 90}, 0.0)
    worst.add({"request count": 10, "request time": 40}, 30.0)
    assert worst.percents(59.9) == {"request count": 90, "request time": 40}
    assert worst.percents(60.0) == {"request count": 10, "request time": 40}
    assert worst.percents(90.0) == {}
