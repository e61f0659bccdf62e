"""Molecules in the shapes of all releases become rows, and nothing is lost."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from cryoasync.sources.chembl.records import (
    Molecule,
    read_chembl_id,
    read_molecule,
    read_object,
    without_tail,
)
from cryoasync.sources.chembl.shapes import ShapeWatch
from cryoasync.sources.chembl.table import VALUE_COLUMNS
from tests.unit.sources.chembl.builders import (
    BIOLOGIC,
    MOLFILE,
    RELEASE_25,
    RELEASE_31,
    RELEASE_35,
    RELEASE_37,
    TAIL,
)

RELEASES = {"25": RELEASE_25, "31": RELEASE_31, "35": RELEASE_35, "37": RELEASE_37, "a biologic": BIOLOGIC}
COLUMNS_IN = {
    "molecule_hierarchy": ("parent_chembl_id",),
    "molecule_structures": ("canonical_smiles", "standard_inchi", "standard_inchi_key"),
}


def values(answer: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(VALUE_COLUMNS, read_molecule(answer).values, strict=True))


def as_answered(molecule: Molecule) -> dict[str, Any]:
    """Put a molecule together again from what is kept; decimals as ChEMBL's text."""
    kept = {
        column: str(value) if isinstance(value, Decimal) else value
        for column, value in zip(VALUE_COLUMNS, molecule.values, strict=True)
        if value is not None
    }
    answer: dict[str, Any] = json.loads(json.dumps(molecule.extra))
    answer["molecule_chembl_id"] = molecule.chembl_id
    for column in ("pref_name", "molecule_type", "structure_type", "max_phase", "first_approval"):
        if column in kept:
            answer[column] = kept.pop(column)
    for part, columns in COLUMNS_IN.items():
        answer[part] = (answer[part] or {}) | {
            column: kept.pop(column) for column in columns if column in kept
        }
    answer["molecule_properties"] = (answer["molecule_properties"] or {}) | kept
    return answer


def without_nulls(value: Any) -> Any:
    """What says nothing: null, and an object of nothing else; numbers as text, for releases differ in them."""
    if isinstance(value, dict):
        members = {key: without_nulls(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, {})}
    if isinstance(value, list):
        return sorted(map(without_nulls, value), key=lambda member: json.dumps(member, sort_keys=True))
    return str(value) if type(value) is int else value


@pytest.mark.parametrize("answer", RELEASES.values(), ids=RELEASES)
def test_an_answer_of_any_release_can_be_put_together_again(answer: Mapping[str, Any]) -> None:
    """Nothing is lost but the molfile's tail and what was null."""
    expected = json.loads(json.dumps(answer).replace(json.dumps(TAIL)[1:-1], ""))
    assert without_nulls(as_answered(read_molecule(answer))) == without_nulls(expected)


def test_values_become_what_their_columns_take() -> None:
    """Text becomes a decimal with its zeros, a count stays an integer."""
    read = values(RELEASE_35)
    assert (read["alogp"], read["full_mwt"]) == (Decimal("-0.10"), Decimal("16.04"))
    assert str(read["alogp"]) == "-0.10"
    assert (read["first_approval"], read["hba_lipinski"]) == (1976, 0)
    assert (read["pref_name"], read["parent_chembl_id"]) == ("METHANE", "CHEMBL8")
    assert (read["max_phase"], read["cx_most_apka"]) == (Decimal("4.0"), None)


def test_a_biologic_has_neither_structure_nor_properties() -> None:
    """Whole parts are null, and that no synonyms are known is an answer."""
    read = read_molecule(BIOLOGIC)
    known = {column for column, value in values(BIOLOGIC).items() if value is not None}
    assert known == {"molecule_type", "structure_type", "first_approval"}
    assert read.synonyms == ()
    assert read.extra["biotherapeutic"]["biocomponents"][0]["sequence"] == "MKV"


def test_synonyms_are_distinct_and_in_a_lasting_order() -> None:
    """ChEMBL gives the same list in another order another time."""
    turned = {**RELEASE_37, "molecule_synonyms": RELEASE_37["molecule_synonyms"][::-1]}
    assert read_molecule(RELEASE_37).synonyms == ("Fire damp", "Methyl hydride")
    assert read_molecule(turned) == read_molecule(RELEASE_37)
    assert read_molecule(RELEASE_25).synonyms is None


def test_what_is_read_leaves_the_answer_as_it_is() -> None:
    """It is kept in the cache afterwards."""
    before = json.dumps(RELEASE_37)
    read_molecule(RELEASE_37)
    assert json.dumps(RELEASE_37) == before


@pytest.mark.parametrize("tail", [TAIL, "\n\n> <chembl_id>\nundefined", "", "\n"])
def test_a_molfile_ends_at_its_end(tail: str) -> None:
    """What follows depends on the fields that were asked for."""
    assert without_tail(MOLFILE + tail) == MOLFILE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"molecule_chembl_id": None}, "molecule_chembl_id is None"),
        ({"molecule_properties": []}, "molecule_properties is no object"),
        ({"molecule_properties": {"alogp": "high"}}, "alogp: 'high' is no number"),
        ({"molecule_properties": {"hba": "2.5"}}, "hba: '2.5' is no integer"),
        ({"molecule_properties": {"psa": {"value": 1}}}, "psa is no single value"),
        ({"max_phase": "NaN"}, "max_phase: 'NaN' is no finite number"),
        ({"molecule_synonyms": ["methane"]}, "molecule_synonyms are no list of objects"),
    ],
)
def test_a_value_of_another_kind_is_no_molecule(change: Mapping[str, Any], message: str) -> None:
    """It is said which one."""
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        read_molecule({**RELEASE_37, **change})


def test_json_that_is_no_molecule_cannot_be_read() -> None:
    """Whatever it is."""
    for raw in (b"[]", b"{", b'{"a":' * 100_000):
        with pytest.raises(ValueError):
            read_object(raw)
    with pytest.raises(ValueError, match="molecule_chembl_id"):
        read_chembl_id(b"{}")
    assert read_chembl_id(b'{"molecule_chembl_id": "CHEMBL7"}') == "CHEMBL7"


@pytest.mark.parametrize("answer", RELEASES.values(), ids=RELEASES)
def test_no_shape_of_a_known_release_is_told_of(answer: Mapping[str, Any]) -> None:
    """Releases differ in types and keys, and all of that is known."""
    told: list[str] = []
    ShapeWatch(lambda message, **about: told.append(f"{message} {about}")).look(answer)
    assert told == []


def test_a_new_key_and_a_new_type_are_told_once_each() -> None:
    """However many molecules have them."""
    told: list[tuple[str, dict[str, Any]]] = []
    watch = ShapeWatch(lambda message, **about: told.append((message, about)))
    changed = {
        **RELEASE_37,
        "modality": "x",
        "pref_name": 5,
        "molecule_properties": {"psa": 1.5, "sa_score": "1"},
    }
    for _ in range(3):
        watch.look(changed)
    assert told == [
        ("ChEMBL changed the type of a value", {"key": "pref_name", "type": "int"}),
        ("ChEMBL has a new key; it is kept in extra", {"key": "modality"}),
        ("ChEMBL changed the type of a value", {"key": "molecule_properties.psa", "type": "float"}),
        ("ChEMBL has a new key; it is kept in extra", {"key": "molecule_properties.sa_score"}),
    ]
    assert read_molecule(changed).extra["modality"] == "x"
