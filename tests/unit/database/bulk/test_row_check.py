"""What is seen of a bad row before it is copied."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.database.bulk.row_check import find_problems

ANY_TEXT = st.text(st.characters(codec=None))


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


@given(st.lists(st.tuples(st.none() | ANY_TEXT, st.none() | st.lists(st.none() | ANY_TEXT))))
def test_exactly_the_texts_that_cannot_be_stored_are_found(
    rows: list[tuple[str | None, list[str | None] | None]],
) -> None:
    """In a column of text and in one of arrays, whatever stands beside them."""
    expected = {
        index
        for index, (text, array) in enumerate(rows)
        if not all(is_storable(part) for part in (text, *(array or ())) if part is not None)
    }
    assert set(find_problems(("text", "text[]"), rows)) == expected


@given(
    st.lists(st.tuples(st.none() | st.integers(-(2**70), 2**70), st.none() | st.integers(-(2**40), 2**40)))
)
def test_exactly_the_integers_out_of_range_are_found(rows: list[tuple[int | None, int | None]]) -> None:
    """The type bigint has 64 bits, integer 32."""
    expected = {
        index
        for index, (big, small) in enumerate(rows)
        if not (-(2**63) <= (big or 0) < 2**63 and -(2**31) <= (small or 0) < 2**31)
    }
    assert set(find_problems(("bigint", "integer"), rows)) == expected


@given(st.lists(st.decimals(allow_nan=True, allow_infinity=True)))
def test_decimals_within_numeric_are_never_refused(numbers: list[Decimal]) -> None:
    """Those that hypothesis makes are all within."""
    assert find_problems(("numeric",), [(number,) for number in numbers]) == {}


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("text", 7),
        ("text", b"bytes"),
        ("text[]", "text"),
        ("text[]", ["a", 7]),
        ("integer", 1.0),
        ("integer", "1"),
        ("bigint", Decimal(1)),
        ("numeric", Decimal("1E+131072")),
        ("numeric", "much"),
        ("numeric", []),
        ("jsonb", {"a": [1.0, float("inf")]}),
        ("jsonb", {"a": {"b": float("nan")}}),
        ("jsonb", {"a": object()}),
        ("jsonb", {"a": "\ud800"}),
    ],
)
def test_a_value_of_another_kind_is_found_among_good_ones(type_name: str, value: object) -> None:
    """Only the bad row is named, with a message."""
    good = {
        "text": "a",
        "text[]": ["a"],
        "integer": 1,
        "bigint": 1,
        "numeric": Decimal(1),
        "jsonb": {"a": None},
    }
    problems = find_problems((type_name,), [(good[type_name],), (value,), (None,)])
    assert set(problems) == {1}
    assert problems[1]


@pytest.mark.parametrize(
    "value", [Decimal("1E+131071"), Decimal("1E-16383"), Decimal("NaN"), 3, 1.5, "12.30"]
)
def test_numbers_that_numeric_takes_pass(value: object) -> None:
    """The edges of the range, and other types that are numbers."""
    assert find_problems(("numeric",), [(value,)]) == {}


def test_a_type_without_a_check_is_left_to_the_server() -> None:
    """Times and floats are refused in the copy itself."""
    assert find_problems(("timestamp with time zone", ""), [("yesterday", object())]) == {}
