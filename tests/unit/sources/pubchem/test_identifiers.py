"""The spellings of a CID."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.sources.identifiers import InvalidIdentifier
from cryoasync.sources.pubchem.identifiers import CID_SCHEME, LARGEST_CID, parse_cid

cids = st.integers(min_value=1, max_value=LARGEST_CID)
spellings = st.sampled_from(
    ["{}", "CID{}", "cid {}", "CID:{}", "CID: {}", "Cid{}", "{}.0", "{}.", "{}.000", "000{}", "  {}\t", "+{}"]
)


@given(cid=cids, spelling=spellings)
def test_every_spelling_of_a_cid_is_its_number(cid: int, spelling: str) -> None:
    """What users, spreadsheets and PubChem's own pages write is read as the same number."""
    assert parse_cid(spelling.format(cid)) == cid


@given(cid=cids)
def test_the_normal_spelling_is_read_back(cid: int) -> None:
    """A CID survives being written and read."""
    assert CID_SCHEME.parse(CID_SCHEME.text_of(cid)) == cid


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("0", "below 1"),
        ("000", "below 1"),
        ("CID0", "below 1"),
        ("-2244", "negative"),
        ("CID-2244", "negative"),
        ("-0.5", "negative"),
        ("2244.5", "has a fraction"),
        ("0.1", "has a fraction"),
        ("2147483648", "above 2147483647"),
        ("9223372036854775807", "above 2147483647"),
        ("9" * 5_000, "above 2147483647"),
        ("aspirin", "not a number"),
        ("2_244", "not a number"),
        ("2,244", "not a number"),
        ("2244 2519", "not a number"),
        ("1e3", "not a number"),
        ("0x10", "not a number"),
        ("CHEMBL25", "not a number"),
        ("٢٢٤٤", "not a number"),
        ("²", "not a number"),
        ("nan", "not a number"),
        (".0", "not a number"),
        ("CID", "not a number"),
    ],
)
def test_what_is_no_cid_is_refused_with_a_reason(text: str, reason: str) -> None:
    """Nothing is guessed: a text that is no CID says why."""
    assert parse_cid(text) == InvalidIdentifier(reason=reason)


def test_the_largest_cid_is_the_largest_32_bit_integer() -> None:
    """The bound itself is accepted, in any spelling."""
    assert parse_cid("2147483647") == parse_cid("CID2147483647.0") == 2147483647


@given(text=st.text())
def test_any_text_is_a_cid_in_range_or_refused(text: str) -> None:
    """No text makes the parser raise or leave the range."""
    number = parse_cid(text)
    assert isinstance(number, InvalidIdentifier) or 1 <= number <= LARGEST_CID


@pytest.mark.parametrize("header", ["cid", "CID", "Compound_CID", "compound cid", " CID ", "PubChem CID"])
def test_the_headers_in_use_mark_the_column_of_cids(header: str) -> None:
    """Case, blanks and underscores do not matter."""
    assert CID_SCHEME.names_column(header)


@pytest.mark.parametrize("header", ["", "name", "sid", "chembl_id", "cids", "2244"])
def test_other_headers_do_not_mark_the_column_of_cids(header: str) -> None:
    """A column is not taken for one of CIDs because its name is near."""
    assert not CID_SCHEME.names_column(header)
