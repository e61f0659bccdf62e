"""When a server asks to be left alone, and for how long."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cryoasync.control.rate.retry_after import LONGEST_RETRY_AFTER_SECONDS, retry_after_seconds

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
header_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF))
date_like_texts = st.from_regex(
    r"\A((Mon|Tue|x),? )?-?[0-9]{1,25}[ -](Jan|Feb|[0-9]{1,3})[ -]-?[0-9]{1,25} "
    r"[0-9]{1,4}(:[0-9]{1,20})?(:[0-9]{1,4})?( [+-]?[0-9]{1,30}| GMT| EST)?\Z"
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("1.5", 1.5),
        ("3600", 3600.0),
        ("3601", LONGEST_RETRY_AFTER_SECONDS),
        ("99999999999999999999", LONGEST_RETRY_AFTER_SECONDS),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120.0),
        ("Tue, 24 Nov 2026 13:01:00 +0100", 60.0),
        ("Tuesday, 24-Nov-26 12:02:00 GMT", 120.0),
        ("Tue Nov 24 12:02:00 2026", 120.0),
        ("Tue, 24 Nov 2099 12:02:00 GMT", LONGEST_RETRY_AFTER_SECONDS),
    ],
)
def test_both_forms_of_retry_after_are_understood(value: str, seconds: float) -> None:
    """Seconds, and the three forms of an HTTP date; an hour is the most."""
    assert retry_after_seconds({"Retry-After": value}, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "-5",
        "nan",
        "inf",
        "soon",
        "30 seconds",
        "Tue, 24 Nov 2026 12:00:00 GMT",
        "Tue, 24 Nov 2020 12:00:00 GMT",
        "Tue, 24 Nov 2026",
        "Tue, 32 Nov 2026 12:02:00 GMT",
        "Tue, 24 Nov 99999999999999999999 12:02:00 GMT",
        "Tue, 24 Nov 2026 12:02:00 +99999999999999999999",
    ],
)
def test_what_asks_for_no_time_counts_as_absent(value: str) -> None:
    """Else backing off would never begin."""
    assert retry_after_seconds({"Retry-After": value}, NOW) is None
    assert retry_after_seconds({}, NOW) is None


def test_a_date_is_counted_from_the_clock_of_the_server() -> None:
    """A clock here that is three hours off does no harm."""
    server_now = NOW + timedelta(hours=3)
    headers = {
        "Retry-After": format_datetime(server_now + timedelta(seconds=45), usegmt=True),
        "Date": format_datetime(server_now, usegmt=True),
    }
    assert retry_after_seconds(headers, NOW) == 45.0


@given(
    value=st.one_of(header_texts, date_like_texts, st.floats().map(str), st.integers().map(str)),
    date=st.one_of(header_texts, date_like_texts),
)
@example(value="Tue, 24 Nov 2026 12:02:00 GMT", date="1 Jan 99999999999999999999 00:00:00 GMT")
def test_no_header_makes_it_raise_or_leave_its_range(value: str, date: str) -> None:
    """Whatever a server sends is a wait of up to an hour, or none."""
    seconds = retry_after_seconds({"Retry-After": value, "Date": date}, NOW)
    assert seconds is None or 0 < seconds <= LONGEST_RETRY_AFTER_SECONDS
