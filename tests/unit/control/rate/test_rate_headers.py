"""What headers ask of the rate: a corpus of what servers send, and anything else."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cryoasync.control.rate.rate_headers import Quota, read_rate_headers
from cryoasync.control.rate.rate_policy import CountWindow
from cryoasync.control.rate.retry_after import LONGEST_RETRY_AFTER_SECONDS

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
DATE = format_datetime(NOW, usegmt=True)

NAMES = (
    "Retry-After",
    "Date",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Rate-Limit-Remaining",
    "X-Throttling-Control",
)
FRAGMENTS = st.one_of(
    st.sampled_from(['"burst"', '"min"', ";r=5", ";t=30", ";w=1", ";q=", "limit=100", "remaining=0", ", "]),
    st.sampled_from(
        ["5", "-1", "0", "1e9", "1764000000", "99999999999999999999", "?1", "1m30s", "nan", DATE]
    ),
    st.sampled_from(
        ["Request Count status: Red (90%)", "Status: Black (1000%)", "Remaining blocking time: 5 m"]
    ),
)
TEXTS = st.lists(FRAGMENTS, max_size=8).map("".join) | st.text(max_size=40)


def quotas(**headers: str) -> list[tuple[int, float]]:
    """Return what is left, and for how long; an underscore stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [(quota.available, quota.seconds) for quota in read_rate_headers(named, NOW).quotas]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"default";r=50;t=30', [(50, 30.0)]),
        ('"burst";r=0;t=1, "min";r=380;t=42', [(0, 1.0), (380, 42.0)]),
        ('"a b";r=1 ; t=2', []),
        ('"pk";r=7;t=3;pk=:cHN1YmFkbWlu:', [(7, 3.0)]),
        ("limit=100, remaining=50, reset=5", [(50, 5.0)]),
        ("limit=10,remaining=0,reset=0", []),
        ('"default";r=50', []),
        ('"default";r=-1;t=5', []),
        ('"default";r=5;t=5, oops;;', []),
        ("5000", []),
        ("", []),
    ],
)
def test_the_ratelimit_field_is_read_in_all_its_syntaxes(
    value: str, expected: list[tuple[int, float]]
) -> None:
    """A list of policies, or a dictionary; a malformed field is none."""
    assert quotas(RateLimit=value) == expected


def test_a_quota_without_a_time_has_the_window_of_its_policy() -> None:
    policy = '"burst";q=5;w=1, "min";q=400;w=60, "bytes";q=1000;w=60;qu="content-bytes"'
    advice = read_rate_headers({"RateLimit-Policy": policy, "RateLimit": '"min";r=9, "bytes";r=0'}, NOW)
    assert advice.quotas == (Quota(available=9, seconds=60.0),)
    assert advice.windows == (CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0))


def test_windows_of_the_older_fields_are_read() -> None:
    advice = read_rate_headers({"RateLimit-Limit": '10, 10;w=1, 50;w=60;comment="x", 9;w=86400'}, NOW)
    assert advice.windows == (CountWindow(limit=10, seconds=1.0), CountWindow(limit=50, seconds=60.0))


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        ("30s", 30.0),
        ("250ms", 0.25),
        ("1m30s", 90.0),
        (str(EPOCH + 20), 20.0),
        (str((EPOCH + 20) * 1000), 20.0),
        (format_datetime(NOW + timedelta(seconds=20), usegmt=True), 20.0),
        ("2026-11-24T12:00:20Z", 20.0),
        ("2026-11-24T12:00:20", 20.0),
        ("86400", LONGEST_RETRY_AFTER_SECONDS),
    ],
)
@pytest.mark.parametrize("prefix", ["X_RateLimit", "X_Rate_Limit", "RateLimit"])
def test_a_reset_is_read_in_whatever_unit_it_comes(prefix: str, reset: str, seconds: float) -> None:
    """Seconds, periods, seconds or milliseconds since 1970, and dates."""
    headers = {f"{prefix}_Remaining": "3", f"{prefix}_Reset": reset, "Date": DATE}
    assert quotas(**headers) == [(3, seconds)]


@pytest.mark.parametrize("reset", ["", "0", "-5", "soon", str(EPOCH - 5), "2020-01-01", "1m30", "9" * 30])
def test_a_reset_in_the_past_or_unreadable_is_none(reset: str) -> None:
    assert quotas(X_RateLimit_Remaining="0", X_RateLimit_Reset=reset, Date=DATE) == []


@pytest.mark.parametrize("remaining", ["", "-1", "many", "1e6", "5.5"])
def test_what_is_left_must_be_a_count(remaining: str) -> None:
    assert quotas(X_RateLimit_Remaining=remaining, X_RateLimit_Reset="30") == []


def test_an_epoch_is_counted_from_the_clock_of_the_server() -> None:
    """A clock here that is an hour off does no harm."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(EPOCH + 20), "Date": DATE}
    assert read_rate_headers(headers, NOW + timedelta(hours=1)).quotas[0].seconds == 20.0


def test_several_lines_of_one_field_are_one_list() -> None:
    headers = CIMultiDict([("RateLimit", '"a";r=1;t=2'), ("ratelimit", '"b";r=3;t=4')])
    assert [quota.available for quota in read_rate_headers(headers, NOW).quotas] == [1, 3]


def test_retry_after_is_at_least_the_blocking_time_that_the_text_tells() -> None:
    headers = {"Retry-After": "30", "X-Throttling-Control": "Remaining blocking time: 120 s"}
    assert read_rate_headers(headers, NOW).retry_after_seconds == 120.0


@given(st.dictionaries(st.sampled_from(NAMES), TEXTS))
def test_whatever_a_server_sends_can_be_read(headers: dict[str, str]) -> None:
    """And every number in the answer is one that can be kept to."""
    advice = read_rate_headers(headers, NOW)
    for quota in advice.quotas:
        assert quota.available >= 0
        assert 0 < quota.seconds <= LONGEST_RETRY_AFTER_SECONDS
    for window in advice.windows:
        assert window.limit >= 1
        assert window.seconds > 0
    assert advice.retry_after_seconds is None or 0 < advice.retry_after_seconds <= LONGEST_RETRY_AFTER_SECONDS
