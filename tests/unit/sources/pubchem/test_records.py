"""Rows as PubChem writes them, and as we keep them."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cryoasync.sources.pubchem.records import (
    PROPERTY_NAMES,
    Compound,
    read_cid,
    read_property_row,
    read_synonym_row,
)
from cryoasync.sources.pubchem.table import PROPERTY_COLUMNS

MASSES = ("molecular_weight", "exact_mass", "monoisotopic_mass")
REALS = ("xlogp", "tpsa", "complexity")
TEXTS = ("title", "iupac_name", "molecular_formula", "smiles", "connectivity_smiles", "inchi", "inchikey")
INTEGERS = tuple(column for column in PROPERTY_COLUMNS if column not in MASSES + REALS + TEXTS)
NAME_OF = dict(zip(PROPERTY_COLUMNS, PROPERTY_NAMES, strict=True))

ASPIRIN = {
    "CID": 2244,
    "MolecularFormula": "C9H8O4",
    "MolecularWeight": "180.16",
    "SMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
    "ConnectivitySMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
    "InChI": "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)",
    "InChIKey": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
    "IUPACName": "2-acetyloxybenzoic acid",
    "Title": "Aspirin",
    "XLogP": 1.2,
    "ExactMass": "180.04225873",
    "MonoisotopicMass": "180.04225873",
    "TPSA": 63.6,
    "Complexity": 212,
    "Charge": 0,
    "HBondDonorCount": 1,
    "HBondAcceptorCount": 4,
    "RotatableBondCount": 3,
    "HeavyAtomCount": 13,
    "IsotopeAtomCount": 0,
    "AtomStereoCount": 0,
    "DefinedAtomStereoCount": 0,
    "UndefinedAtomStereoCount": 0,
    "BondStereoCount": 0,
    "DefinedBondStereoCount": 0,
    "UndefinedBondStereoCount": 0,
    "CovalentUnitCount": 1,
}


def read(row: object, *extra: str) -> Compound | None:
    """Read a row given as what its JSON says."""
    return read_property_row(json.dumps(row).encode(), extra)


def known(row: object, *extra: str) -> Compound:
    """Read a row that says something."""
    compound = read(row, *extra)
    assert compound is not None
    return compound


def value(column: str, written: object) -> Any:
    """Read one property, written in one way."""
    compound = known({"CID": 1, "Title": "x", NAME_OF[column]: written})
    return compound.values[PROPERTY_COLUMNS.index(column)]


def test_a_recorded_row_is_read_whole() -> None:
    """Each property lands in its own column, in its own type."""
    compound = known(ASPIRIN)
    assert compound == Compound(
        cid=2244,
        values=(
            "Aspirin",
            "2-acetyloxybenzoic acid",
            "C9H8O4",
            "CC(=O)OC1=CC=CC=C1C(=O)O",
            "CC(=O)OC1=CC=CC=C1C(=O)O",
            "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)",
            "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
            Decimal("180.16"),
            Decimal("180.04225873"),
            Decimal("180.04225873"),
            1.2,
            63.6,
            212.0,
            *(0, 1, 4, 3, 13, 0, 0, 0, 0, 0, 0, 0, 1),
        ),
        extra=None,
    )
    types = [type(kept) for kept in compound.values]
    assert types == [str] * len(TEXTS) + [Decimal] * len(MASSES) + [float] * len(REALS) + [int] * len(
        INTEGERS
    )


@pytest.mark.parametrize("column", INTEGERS)
@pytest.mark.parametrize("written", [3, 3.0, "3", "3.0"])
def test_counts_may_come_in_any_spelling(column: str, written: float | str) -> None:
    """An integer stays one, whether it was written as integer, float or text."""
    kept = value(column, written)
    assert (kept, type(kept)) == (3, int)


@pytest.mark.parametrize("column", REALS)
@pytest.mark.parametrize("written", [5, 5.0, "5", "5.0"])
def test_real_numbers_may_come_in_any_spelling(column: str, written: float | str) -> None:
    """PubChem writes an integral XLogP as an integer."""
    kept = value(column, written)
    assert (kept, type(kept)) == (5.0, float)


@pytest.mark.parametrize("column", MASSES)
@pytest.mark.parametrize("written", ["82.90", "180.16", "422.9", "3642", "75.068413911", "100.0", "0.10"])
def test_masses_keep_their_digits_and_trailing_zeros(column: str, written: str) -> None:
    """They say how exact the mass is."""
    assert str(value(column, written)) == written


@pytest.mark.parametrize(("written", "kept"), [(422.9, "422.9"), (3642, "3642"), (18.015, "18.015")])
def test_masses_written_as_numbers_lose_nothing(written: float, kept: str) -> None:
    """Answers from 2011 have them as numbers."""
    assert str(value("exact_mass", written)) == kept


@pytest.mark.parametrize("column", TEXTS)
def test_a_number_where_text_stands_is_its_text(column: str) -> None:
    """A title may look like a number."""
    assert value(column, 42) == "42"
    assert value(column, "β-D-glucose \u2028 \U0001f9ea") == "β-D-glucose \u2028 \U0001f9ea"
    assert value(column, "") == ""


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("charge", 1.5),
        ("charge", "1.5"),
        ("charge", "inf"),
        ("charge", "nan"),
        ("charge", "one"),
        ("charge", ""),
        ("charge", "1e400"),
        ("charge", [1]),
        ("charge", True),
        ("xlogp", "n/a"),
        ("xlogp", "NaN"),
        ("xlogp", "Infinity"),
        ("xlogp", "-1e999"),
        pytest.param("xlogp", 10**400, id="an integer beyond any float"),
        ("xlogp", {"value": 1}),
        ("exact_mass", "heavy"),
        ("exact_mass", "NaN"),
        ("exact_mass", "sNaN"),
        ("exact_mass", "-Infinity"),
        ("exact_mass", "1e9999999999999999999"),
        ("title", False),
        ("title", ["Aspirin"]),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_an_error_of_that_row(column: str, written: object) -> None:
    """Nothing is guessed, and what is no number never becomes one of the three odd floats."""
    with pytest.raises(ValueError):
        value(column, written)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"Title": "x"}',
        b'{"CID": null, "Title": "x"}',
        b'{"CID": "CID2244", "Title": "x"}',
        b'{"CID": 1.5, "Title": "x"}',
        b'{"CID": "inf", "Title": "x"}',
        b'{"CID": 1e999, "Title": "x"}',
        pytest.param(b'{"CID": %s, "Title": "x"}' % (b"9" * 5_000), id="a CID of 5,000 digits"),
        b'{"CID": 1, "Title": "\xff"}',
        b'{"CID": 1, "Title": "\\ud800"}',
        pytest.param(
            b'{"CID": 1, "Title": "x", "New": %s}' % (b"[" * 100_000 + b"]" * 100_000), id="deeply nested"
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_a_value_error(raw: bytes) -> None:
    """The documented error, whatever is wrong with it."""
    with pytest.raises(ValueError):
        read_property_row(raw, ("New",))


def test_the_old_names_of_the_smiles_are_read() -> None:
    """Before the middle of 2025 the two kinds were called isomeric and canonical."""
    compound = known({"CID": 5793, "IsomericSMILES": "C([C@@H]1O)O", "CanonicalSMILES": "C(C1O)O"})
    assert compound.values[PROPERTY_COLUMNS.index("smiles")] == "C([C@@H]1O)O"
    assert compound.values[PROPERTY_COLUMNS.index("connectivity_smiles")] == "C(C1O)O"


def test_the_new_names_of_the_smiles_go_before_the_old() -> None:
    """An answer with both is read by today's names."""
    compound = known({"CID": 1, "IsomericSMILES": "old", "SMILES": "new", "CanonicalSMILES": "old"})
    assert compound.values[PROPERTY_COLUMNS.index("smiles")] == "new"
    assert compound.values[PROPERTY_COLUMNS.index("connectivity_smiles")] == "old"


def test_what_is_left_out_or_null_is_null() -> None:
    """No value stands in for another: a missing XLogP is no 0."""
    compound = known({"CID": 233, "Title": "x", "TPSA": None})
    assert compound.values == ("x", *[None] * (len(PROPERTY_COLUMNS) - 1))


@pytest.mark.parametrize(
    "row", [{"CID": 999999999}, {"CID": 5, "Title": None}, {"CID": "7"}, {"CID": 3, "New": 1}]
)
def test_a_row_without_any_property_asked_for_is_no_compound(row: dict[str, Any]) -> None:
    """So PubChem says that it does not know a CID."""
    assert read(row) is None
    assert read(row, "PatentCount") is None


def test_zero_is_a_value() -> None:
    """A row of zeros, or of an empty text, says something."""
    assert known({"CID": 1, "Charge": 0}).values.count(0) == 1
    assert known({"CID": 1, "PatentCount": 0}, "PatentCount").extra == {"PatentCount": 0}
    assert known({"CID": 1, "AnnotationTypes": ""}, "AnnotationTypes").extra == {"AnnotationTypes": ""}


def test_further_properties_are_kept_as_they_came() -> None:
    """Asked for and left out is null; not asked for is not there at all."""
    row = ASPIRIN | {"PatentCount": 123456, "Volume3D": 136, "Fingerprint2D": "AAADccBw", "New": {"a": [1]}}
    assert known(row).extra is None
    assert known(row, "PatentCount", "Volume3D", "ConformerCount3D", "New").extra == {
        "PatentCount": 123456,
        "Volume3D": 136,
        "ConformerCount3D": None,
        "New": {"a": [1]},
    }
    assert known(row, "Volume3D").values == known(ASPIRIN).values


def test_synonyms_keep_their_order() -> None:
    """The first is the best name; the key is left out where there are none."""
    assert read_synonym_row(b'{"CID": 2244, "Synonym": ["aspirin", "50-78-2", 7]}') == (
        2244,
        ("aspirin", "50-78-2", "7"),
    )
    assert read_synonym_row(b'{"CID": "22247451"}') == (22247451, ())


@pytest.mark.parametrize(
    "raw",
    [
        b'{"CID": 1, "Synonym": "aspirin"}',
        b'{"CID": 1, "Synonym": [null]}',
        b'{"CID": 1, "Synonym": [["a"]]}',
        b'{"CID": "inf"}',
        b'{"Synonym": []}',
        b"[1]",
        pytest.param(b'{"CID": 1, "New": %s' % (b"[" * 100_000), id="deeply nested"),
    ],
)
def test_synonyms_that_cannot_be_read_are_a_value_error(raw: bytes) -> None:
    """The documented error, whatever is wrong with them."""
    with pytest.raises(ValueError):
        read_synonym_row(raw)


@pytest.mark.parametrize(
    ("raw", "cid"), [(b'{"CID": 5}', 5), (b'{"CID": "5", "x": []}', 5), (b'{"CID": 0}', 0)]
)
def test_the_cid_of_any_row_is_read(raw: bytes, cid: int) -> None:
    """Without reading the rest."""
    assert read_cid(raw) == cid


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "-Infinity", "sNaN", "1e999", "1_0", "0x10", "٣", " 7 "]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["CID", "Synonym", "IsomericSMILES", "CanonicalSMILES", "PatentCount", "New", *PROPERTY_NAMES]
)


@given(
    row=st.dictionaries(keys, json_values, max_size=12) | json_values,
    cid=st.integers(-1, 2**40) | json_values,
)
@example(row={"Charge": "inf"}, cid=1)
@example(row={}, cid="inf")
def test_any_json_is_read_or_is_a_value_error(row: object, cid: object) -> None:
    """Nothing else is ever raised, and no float that is not finite gets through."""
    if isinstance(row, dict):
        row = {**row, "CID": cid}
    raw = json.dumps(row).encode()
    for reader in (
        lambda: read_property_row(raw, ("PatentCount",)),
        lambda: read_synonym_row(raw),
        lambda: read_cid(raw),
    ):
        try:
            told = reader()
        except ValueError:
            continue
        if isinstance(told, Compound):
            assert "NaN" not in repr(told.values)
            assert not {"inf", "-inf", "nan"} & set(map(str, told.values[len(TEXTS) :]))
            assert isinstance(told.cid, int)


@given(
    cid=st.integers(1, 2**31 - 1),
    mass=st.decimals(min_value=0, max_value=10**5, places=9),
    xlogp=st.floats(-100, 100),
    charge=st.integers(-100, 100),
    title=st.text(st.characters(codec="utf-8")),
)
def test_what_was_written_is_what_is_kept(
    cid: int, mass: Decimal, xlogp: float, charge: int, title: str
) -> None:
    """To the last digit."""
    raw = msgspec.json.encode(
        {"Charge": charge, "XLogP": xlogp, "ExactMass": str(mass), "CID": cid, "Title": title}
    )
    compound = read_property_row(raw, ())
    assert compound is not None
    kept = dict(zip(PROPERTY_COLUMNS, compound.values, strict=True))
    assert (compound.cid, kept["charge"], kept["title"]) == (cid, charge, title)
    assert str(kept["exact_mass"]) == str(mass)
    assert kept["xlogp"] == xlogp
