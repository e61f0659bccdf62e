"""Stand-ins for names and counts."""

import random

from cryoasync.simulator.molecules import parse_structure, structure_properties
from cryoasync.simulator.names import Naming, draw_gaps_and_counts, draw_naming
from cryoasync.simulator.properties import PROPERTY_NAMES

ETHANOL = structure_properties(parse_structure("CCO"))
CIDS = range(1, 2001)


def name(cid: int, known_name: str | None = None) -> Naming:
    return draw_naming(
        random.Random(cid), cid=cid, properties=ETHANOL, known_name=known_name, registry=f"NSC{cid}"
    )


def test_the_seed_decides_the_names() -> None:
    """A compound is called the same each time."""
    assert [name(cid) for cid in CIDS] == [name(cid) for cid in CIDS]


def test_the_title_is_the_first_of_at_most_forty_synonyms() -> None:
    """Some compounds have no synonym at all; nobody has one twice."""
    namings = [name(cid) for cid in CIDS]
    assert any(not naming.synonyms for naming in namings)
    assert max(len(naming.synonyms) for naming in namings) == 40
    for naming in namings:
        assert naming.synonyms[:1] in ([naming.title], [])
        assert len(set(naming.synonyms)) == len(naming.synonyms)


def test_a_known_compound_goes_by_its_name() -> None:
    """Nothing is made up about it."""
    naming = name(702, known_name="Ethanol")
    assert naming.title == "Ethanol"
    assert naming.systematic_name == "ethanol"
    assert naming.synonyms == ["Ethanol", "ethanol", "ETHANOL", "SCHEMBL702"]


def test_about_an_eighth_lack_a_systematic_name_and_a_third_an_xlogp() -> None:
    """The gaps are those of PubChem's own table."""
    nameless = sum(name(cid).systematic_name is None for cid in CIDS) / len(CIDS)
    without = sum("XLogP" not in draw_gaps_and_counts(random.Random(cid), ETHANOL) for cid in CIDS) / len(
        CIDS
    )
    assert 0.09 < nameless < 0.15
    assert 0.29 < without < 0.38


def test_every_value_is_a_property_of_pubchem() -> None:
    """Counts and conformers go by the names of the property table."""
    for cid in CIDS:
        assert draw_gaps_and_counts(random.Random(cid), ETHANOL).keys() <= set(PROPERTY_NAMES)


def test_names_hold_what_breaks_careless_programs() -> None:
    """Quotes, backslashes, braces, apostrophes and Greek letters occur."""
    text = "".join(synonym for cid in CIDS for synonym in name(cid).synonyms)
    assert set("\"\\{}'β;,") <= set(text)
