"""When PubChem's gaps are worth a computation."""

import pytest

from cryoasync.chemistry.models import Descriptors
from cryoasync.chemistry.policy import FILLABLE_COLUMNS, can_fill


@pytest.mark.parametrize(
    "column",
    ["xlogp", "complexity", "iupac_name", "title", "tpsa", "exact_mass", "h_bond_acceptor_count", "synonyms"],
)
def test_a_column_of_another_definition_is_never_filled(column: str) -> None:
    """A missing XLogP3 alone asks for no computation; neither do names and differently defined numbers."""
    assert not can_fill({column})


@pytest.mark.parametrize("column", sorted(FILLABLE_COLUMNS))
def test_one_fillable_column_is_enough(column: str) -> None:
    """A single gap of the same definition asks for the computation, whatever else is missing."""
    assert can_fill({column, "xlogp"})


def test_a_complete_compound_needs_nothing() -> None:
    """Without a gap there is nothing to fill."""
    assert not can_fill(set())


def test_fillable_columns_are_columns_of_the_descriptors() -> None:
    """Each fillable column names the descriptor that stands in for it."""
    assert set(FILLABLE_COLUMNS.values()) <= set(Descriptors.__struct_fields__)
