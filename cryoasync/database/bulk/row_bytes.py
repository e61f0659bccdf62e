"""How many bytes rows are on their way to the server."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

_SAMPLED_ROWS = 16
_LENGTH_BYTES = 4
_NUMBER_BYTES = 8
_LONG_BYTES = 16


def estimated_bytes(rows: Sequence[Sequence[Any]]) -> int:
    """Return how many bytes rows have as PostgreSQL is sent them, by a sample of them."""
    sample = rows[:: -(-len(rows) // _SAMPLED_ROWS) or 1]
    size = sum(map(_bytes_of, chain.from_iterable(sample)))
    return round(len(rows) * size / max(1, len(sample)))


def _bytes_of(value: Any) -> int:
    """Return the bytes of a value with those of its length, which stands before it."""
    if value is None:
        return _LENGTH_BYTES
    if isinstance(value, str | bytes):
        return _LENGTH_BYTES + len(value)
    if isinstance(value, UUID | Decimal):
        return _LENGTH_BYTES + _LONG_BYTES
    if isinstance(value, dict):
        return _LENGTH_BYTES + sum(map(_bytes_of, (*value, *value.values())))
    if isinstance(value, list | tuple):
        return _LENGTH_BYTES + sum(map(_bytes_of, value))
    return _LENGTH_BYTES + _NUMBER_BYTES
