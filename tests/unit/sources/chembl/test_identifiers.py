"""What a ChEMBL id looks like, and what is none."""

import pytest

from cryoasync.sources.chembl.identifiers import CHEMBL_SCHEME, LARGEST_NUMBER, parse_chembl_id
from cryoasync.sources.identifiers import InvalidIdentifier


@pytest.mark.parametrize("text", ["CHEMBL25", "chembl25", " ChEMBL25\t"])
def test_an_id_is_read_in_any_case(text: str) -> None:
    """The number is what tells ids apart."""
    assert parse_chembl_id(text) == 25


def test_a_number_has_one_normal_spelling() -> None:
    """So that two spellings are one entry."""
    assert CHEMBL_SCHEME.text_of(25) == "CHEMBL25"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("25", "not CHEMBL and a number"),
        ("CHEMBL", "not CHEMBL and a number"),
        ("CHEMBL0", "not CHEMBL and a number"),
        ("CHEMBL025", "not CHEMBL and a number"),
        ("CHEMBL25;CHEMBL1", "not CHEMBL and a number"),
        ("CHEMBL2.5", "not CHEMBL and a number"),
        ("CHEMBL\N{ARABIC-INDIC DIGIT TWO}", "not CHEMBL and a number"),
        ("SCHEMBL25", "not CHEMBL and a number"),
        (f"CHEMBL{LARGEST_NUMBER + 1}", "above CHEMBL2147483647"),
        ("CHEMBL" + "9" * 5000, "above CHEMBL2147483647"),
    ],
)
def test_what_is_no_id_says_why(text: str, reason: str) -> None:
    """ChEMBL takes a mangled id for a structure, so none may get through."""
    assert parse_chembl_id(text) == InvalidIdentifier(reason=reason)


@pytest.mark.parametrize("header", ["chembl_id", "molecule_chembl_id", "ChEMBL ID", "Molecule ChEMBL ID"])
def test_the_headers_of_chembls_own_files_are_known(header: str) -> None:
    """In any case, with blanks or underscores."""
    assert CHEMBL_SCHEME.names_column(header)
