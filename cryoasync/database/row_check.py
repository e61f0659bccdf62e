"""What is wrong with values before they are copied: seen here, a bad row costs no round trip.

asyncpg's encoder refuses most of it in the middle of a COPY, which ends the COPY; some of it, it silently
turns into another value (a number beyond the range of ``numeric`` into 0, a fraction into an integer), and
the JSON encoder turns a float that is not finite into null.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain
from math import isfinite
from typing import Any

import msgspec

# PostgreSQL's documentation, 8.1.2. Too many digits after the point are refused by the encoder.
_NUMERIC_DIGITS_BEFORE_POINT = 131072


@dataclass(frozen=True, slots=True)
class _Check:
    """How the values of one type are checked: all at once, and where that fails one by one."""

    all_fine: Callable[[Sequence[Any]], bool]
    problem: Callable[[Any], str | None]


def find_problems(column_types: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[int, str]:
    """Return what is wrong with which row, by its index; a row without a problem is not in there.

    Args:
        column_types: PostgreSQL's names of the types, as ``format_type`` gives them.
        rows: values in the order of the columns. None is always fine: the server checks NOT NULL.
    """
    problems: dict[int, str] = {}
    for number, type_name in enumerate(column_types):
        check = _CHECKS.get(type_name)
        if check is None:
            continue
        values = [row[number] for row in rows if row[number] is not None]
        if not values or check.all_fine(values):
            continue
        for index, row in enumerate(rows):
            problem = None if row[number] is None else check.problem(row[number])
            if problem is not None:
                problems.setdefault(index, problem)
    return problems


def _texts_fine(values: Iterable[Any]) -> bool:
    try:
        joined = "\n".join(values)
        return "\x00" not in joined and (joined.isascii() or bool(joined.encode()))
    except (TypeError, UnicodeEncodeError):
        return False


def _text_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{type(value).__name__} where text is expected"
    if "\x00" in value:
        return "a NUL character, which PostgreSQL cannot store in text"
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"a character that is no valid Unicode: {error.reason}"
    return None


def _text_arrays_fine(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {list, tuple} and _texts_fine(chain.from_iterable(values))


def _text_array_problem(value: Any) -> str | None:
    if not isinstance(value, list | tuple):
        return f"{type(value).__name__} where a list of texts is expected"
    return next(filter(None, (_text_problem(text) for text in value if text is not None)), None)


def _integer_check(bits: int) -> _Check:
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def all_fine(values: Sequence[Any]) -> bool:
        return set(map(type, values)) == {int} and lowest <= min(values) and max(values) <= highest

    def problem(value: Any) -> str | None:
        if not isinstance(value, int):
            return f"{type(value).__name__} where an integer is expected"
        return None if lowest <= value <= highest else f"an integer of more than {bits} bits"

    return _Check(all_fine, problem)


def _numerics_fine(values: Sequence[Any]) -> bool:
    return (
        set(map(type, values)) == {Decimal}
        and max(map(Decimal.adjusted, values)) < _NUMERIC_DIGITS_BEFORE_POINT
    )


def _numeric_problem(value: Any) -> str | None:
    if not isinstance(value, Decimal | int | float | str):
        return f"{type(value).__name__} where a number is expected"
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "text that is no number where a number is expected"
    if number.adjusted() >= _NUMERIC_DIGITS_BEFORE_POINT:
        return "a number beyond PostgreSQL's numeric"
    return None


def _json_fine(values: Sequence[Any]) -> bool:
    return not any(map(_json_problem, values))


def _json_problem(value: Any) -> str | None:
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return f"a value that cannot be written as JSON: {error}"
    # A float that is not finite has become null: without a null there was none.
    if b"null" in encoded and not _all_finite(value):
        return "a float that is not finite, which JSON cannot hold"
    return None


def _all_finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_all_finite, value))


_CHECKS = {
    "text": _Check(_texts_fine, _text_problem),
    "text[]": _Check(_text_arrays_fine, _text_array_problem),
    "integer": _integer_check(32),
    "bigint": _integer_check(64),
    "numeric": _Check(_numerics_fine, _numeric_problem),
    "jsonb": _Check(_json_fine, _json_problem),
}
