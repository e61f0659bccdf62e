"""JSON as the database keeps it: nothing turns into another value on the way."""

from math import isfinite
from typing import Any

import msgspec


def encoded_json(value: Any) -> bytes:
    """Return a value as JSON.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: JSON cannot hold it.
    """
    encoded = msgspec.json.encode(value)
    # A float that is not finite has become null: without a null there was none.
    if b"null" in encoded and not _all_finite(value):
        raise ValueError("a float that is not finite, which JSON cannot hold")
    return encoded


def _all_finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_all_finite, value))
