"""The id of a molecule is one that anybody can compute."""

from uuid import NAMESPACE_URL, uuid5

from hypothesis import given
from hypothesis import strategies as st

from cryoasync.database.molecules.identity import Record, molecule_id


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_it_is_the_uuid5_of_the_identifiers_address(key: str) -> None:
    record = Record("pubchem", key)
    by_structure = uuid5(NAMESPACE_URL, f"https://identifiers.org/inchikey:{key}")
    by_record = uuid5(NAMESPACE_URL, f"https://identifiers.org/pubchem.compound:{key}")
    assert molecule_id(record, key) == by_structure
    assert molecule_id(record, None) == by_record
    assert hash(molecule_id(record, key)) == hash(by_structure)
    assert molecule_id(record, key).version == 5
