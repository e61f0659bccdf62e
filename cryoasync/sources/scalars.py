"""Single values as sources write them in JSON, number or text, and as the types that columns take.

Each conversion raises ``ValueError`` where a value is not of its kind.
"""

from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TypeVar

import msgspec

Scalar = int | float | str
_Decoded = TypeVar("_Decoded")


def integer(value: Scalar) -> int:
    """Return a whole number; ``2.0`` and ``"2"`` are one."""
    exact = value if isinstance(value, int) else number(value)
    if exact != int(exact):
        raise ValueError(f"{value!r} is no integer")
    return int(exact)


def number(value: Scalar) -> float:
    """Return a finite number."""
    try:
        converted = float(value)
    except OverflowError as error:
        raise ValueError(f"{value!r} is beyond any number that is kept") from error
    if not isfinite(converted):
        raise ValueError(f"{value!r} is no finite number")
    return converted


def decimal(value: Scalar) -> Decimal:
    """Return a finite decimal with the trailing zeros of a text."""
    try:
        converted = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no number") from error
    if not converted.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    return converted


def text(value: Scalar) -> str:
    """Return a text."""
    return str(value)


def decoded(decoder: msgspec.json.Decoder[_Decoded], raw: msgspec.Raw | bytes) -> _Decoded:
    """Decode JSON of any depth; ``msgspec.ValidationError`` is a ``ValueError``, too."""
    try:
        return decoder.decode(raw)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
