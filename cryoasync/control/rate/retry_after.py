"""When a server asks to come again: ``Retry-After``, in both its forms."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""Whoever asks for more is asked again after an hour."""


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return ``Retry-After`` in seconds (RFC 9110, 10.2.3), or ``None`` where it asks for nothing usable.

    A date is counted from the server's own ``Date``, so that a wrong clock here does no harm. Zero, negative,
    past and unreadable values count as absent, or backing off would never begin; an hour is the most.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    seconds = _number(value)
    if seconds is None:
        until = http_date(value)
        if until is None:
            return None
        seconds = (until - (http_date(headers.get("Date", "")) or now)).total_seconds()
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER_SECONDS)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def http_date(value: str) -> datetime | None:
    """Return the moment that a date of HTTP names, whatever its form; ``None`` for what is none."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        # The latter for a year or an offset beyond what a machine word holds.
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
