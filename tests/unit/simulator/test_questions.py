"""Reading the paths and lists of ids of PUG REST."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.simulator.questions import BadQuestionError, Endpoint, Question, parse_cids, parse_path


def test_ids_stand_in_the_path_or_in_the_body() -> None:
    """A path without ids leaves them to the body."""
    assert parse_path("compound/cid/property/Title,XLogP/JSON") == Question(
        endpoint=Endpoint.PROPERTY, names=("Title", "XLogP")
    )
    assert parse_path("compound/cid/2244,702/synonyms/JSON") == Question(
        endpoint=Endpoint.SYNONYMS, ids="2244,702"
    )


def test_escaped_commas_are_commas() -> None:
    """Clients may escape the commas of both lists."""
    question = parse_path("compound/cid/1%2C2/property/Title%2CXLogP/JSON")
    assert question == Question(endpoint=Endpoint.PROPERTY, names=("Title", "XLogP"), ids="1,2")


def test_names_from_before_the_renaming_are_understood() -> None:
    """``CanonicalSMILES`` and ``IsomericSMILES`` are no errors."""
    names = parse_path("compound/cid/property/CanonicalSMILES,IsomericSMILES/JSON").names
    assert names == ("CanonicalSMILES", "IsomericSMILES")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("compound/cid/property/Titel/JSON", 400, "Invalid property: Titel"),
        ("compound/cid/property/canonicalSMILES/JSON", 400, "Invalid property: canonicalSMILES"),
        ("compound/cid/1/property/Title/CSV", 501, "Output format"),
        ("compound/cid/1/synonyms", 400, "Invalid operation"),
        ("compound/cid/1/cids/JSON", 400, "Invalid operation"),
        ("compound/cid", 400, "Only compounds by CID"),
        ("compound/name/aspirin/property/Title/JSON", 400, "Only compounds by CID"),
        ("", 400, "Only compounds by CID"),
    ],
)
def test_other_paths_are_refused(path: str, status: int, message: str) -> None:
    """The refusal has the status of PUG REST and says what is wrong."""
    with pytest.raises(BadQuestionError, match=message) as error:
        parse_path(path)
    assert error.value.status == status


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1,,2", "1,a", "2147483648", "999999999999", "1.0", "²", "1_0", "1;2"]
)
def test_one_bad_id_spoils_the_list(text: str) -> None:
    """Only positive 32-bit integers pass."""
    with pytest.raises(BadQuestionError, match="Invalid ID, must be positive integer"):
        parse_cids(text)


@given(st.lists(st.integers(min_value=1, max_value=2**31 - 1), min_size=1, max_size=300))
def test_good_ids_come_back_in_order(cids: list[int]) -> None:
    """Order and duplicates are kept, blanks around an id do not matter."""
    assert parse_cids(",".join(map(str, cids))) == cids
    assert parse_cids(" , ".join(map(str, cids))) == cids
