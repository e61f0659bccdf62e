"""What is wrong with values before they are copied: seen here, a bad row costs no round trip.

asyncpg's encoder refuses most of it in the middle of a COPY, which ends the COPY; some of it, it silently
turns into another value: a number beyond the range of ``numeric`` into 0, a fraction into an integer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any

from cryoasync.database.json_values import encoded_json

# PostgreSQL's documentation, 8.1.2. Too many digits after the point are refused by the encoder.
_NUMERIC_DIGITS_BEFORE_POINT = 131072


@dataclass(frozen=True, slots=True)
class _Check:
    """How the values of one type are checked: all at once, and where that fails one by one.

    ``is_kept`` tells of all values, None among them, whether none would silently turn into another one.
    """

    all_fine: Callable[[Sequence[Any]], bool]
    problem: Callable[[Any], str | None]
    is_kept: Callable[[Iterable[Any]], bool] = lambda _: True


def find_altered_values(column_types: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[int, str]:
    """Return, as :func:`find_problems`, what would silently turn into another value; this is quick."""
    suspects = [
        number
        for number, type_name in enumerate(column_types)
        if type_name in _CHECKS and not _CHECKS[type_name].is_kept(map(itemgetter(number), rows))
    ]
    types = [name if number in suspects else "" for number, name in enumerate(column_types)]
    return find_problems(types, rows) if suspects else {}


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

    return _Check(all_fine, problem, _integers_kept)


def _integers_kept(values: Iterable[Any]) -> bool:
    return set(map(type, values)) <= {int, NoneType}


def _numerics_fine(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {Decimal} and (
        max(map(Decimal.adjusted, values), default=0) < _NUMERIC_DIGITS_BEFORE_POINT
    )


def _numerics_kept(values: Iterable[Any]) -> bool:
    return _numerics_fine([value for value in values if value is not None])


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
        encoded_json(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return f"a value that cannot be written as JSON: {error}"
    return None


_CHECKS = {
    "text": _Check(_texts_fine, _text_problem),
    "character varying": _Check(_texts_fine, _text_problem),
    "text[]": _Check(_text_arrays_fine, _text_array_problem),
    "smallint": _integer_check(16),
    "integer": _integer_check(32),
    "bigint": _integer_check(64),
    "numeric": _Check(_numerics_fine, _numeric_problem, _numerics_kept),
    "json": _Check(_json_fine, _json_problem),
    "jsonb": _Check(_json_fine, _json_problem),
}
