"""Conditions, as they are typed and as they identify a run."""

import pytest

from cryoasync.errors import UsageError
from cryoasync.sources.chembl.query import Query


def test_conditions_are_read_at_their_first_sign() -> None:
    """A value may hold another, blanks and commas."""
    query = Query.of(["pref_name__icontains= acid, a=b ", "max_phase__gte=1"])
    assert query.filters == (("max_phase__gte", "1"), ("pref_name__icontains", "acid, a=b"))


def test_order_and_repetition_make_no_other_query() -> None:
    """It is the same run."""
    first, second = Query.of(["a=1", "b=2", "a=1"]), Query.of(["b=2", "a=1"])
    assert first.sha256 == second.sha256
    assert first.sha256 != Query.of(["a=1"]).sha256


@pytest.mark.parametrize("condition", ["max_phase", "=1", "max_phase=", " = "])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    """With an example of one."""
    with pytest.raises(UsageError) as caught:
        Query.of([condition])
    assert "max_phase__gte=1" in (caught.value.hint or "")
