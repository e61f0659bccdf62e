"""The questions that PubChem is asked."""

from hypothesis import given
from hypothesis import strategies as st

from cryoasync.sources.pubchem.endpoints import SYNONYMS, property_endpoint
from cryoasync.sources.pubchem.records import PROPERTY_NAMES
from cryoasync.sources.pubchem.table import PROPERTY_COLUMNS


def test_the_property_table_is_asked_for_under_todays_names() -> None:
    """The old names of the SMILES still work, but their answers come under the others."""
    path = property_endpoint(()).path
    assert path == f"compound/cid/property/{','.join(PROPERTY_NAMES)}/JSON"
    assert "SMILES,ConnectivitySMILES," in path
    assert "Isomeric" not in path
    assert "Canonical" not in path
    assert len(PROPERTY_NAMES) == len(PROPERTY_COLUMNS)


def test_synonyms_have_an_endpoint_of_their_own() -> None:
    """In logs, on the wire and in the cache."""
    table = property_endpoint(())
    assert SYNONYMS.path == "compound/cid/synonyms/JSON"
    assert SYNONYMS.name != table.name
    assert SYNONYMS.cache_key != table.cache_key


def test_a_property_is_asked_for_once() -> None:
    """Named twice, or among those that are always asked for."""
    names = property_endpoint(("Volume3D", "XLogP", "Volume3D")).path.split("/")[3].split(",")
    assert names == [*PROPERTY_NAMES, "Volume3D"]


def test_a_name_stays_one_part_of_the_path() -> None:
    """So that PubChem itself refuses what is no property."""
    assert property_endpoint(("A/B?c#d e",)).path.endswith(",A%2FB%3Fc%23d%20e/JSON")


@given(names=st.permutations(["Volume3D", "PatentCount", "Fingerprint2D"]))
def test_the_cache_keeps_one_set_of_properties_in_one_place(names: list[str]) -> None:
    """Whatever order they were named in; and another set elsewhere."""
    kept = property_endpoint(("Fingerprint2D", "PatentCount", "Volume3D")).cache_key
    assert property_endpoint(names).cache_key == kept
    assert property_endpoint(names[:2]).cache_key != kept
    assert property_endpoint(()).cache_key != kept
