"""PubChem's SDF tags, old and new, as columns."""

import pytest

from cryoasync.sources.files.dialect import UnusableValueError, is_pubchem_dump, pubchem_columns
from cryoasync.sources.pubchem.table import PROPERTY_COLUMNS

# CID 4 as PubChem's files of 2026 have it.
AMINOPROPANOL = {
    "PUBCHEM_COMPOUND_CID": "4",
    "PUBCHEM_COMPOUND_CANONICALIZED": "1",
    "PUBCHEM_CACTVS_COMPLEXITY": "22.9",
    "PUBCHEM_CACTVS_HBOND_ACCEPTOR": "2",
    "PUBCHEM_CACTVS_HBOND_DONOR": "2",
    "PUBCHEM_CACTVS_ROTATABLE_BOND": "1",
    "PUBCHEM_IUPAC_OPENEYE_NAME": "1-aminopropan-2-ol",
    "PUBCHEM_IUPAC_CAS_NAME": "1-amino-2-propanol",
    "PUBCHEM_IUPAC_NAME": "1-aminopropan-2-ol",
    "PUBCHEM_IUPAC_INCHI": "InChI=1S/C3H9NO/c1-3(5)2-4/h3,5H,2,4H2,1H3",
    "PUBCHEM_IUPAC_INCHIKEY": "HXKKHQJGJAFBHI-UHFFFAOYSA-N",
    "PUBCHEM_XLOGP3": "-1",
    "PUBCHEM_EXACT_MASS": "75.068413911",
    "PUBCHEM_MOLECULAR_FORMULA": "C3H9NO",
    "PUBCHEM_MOLECULAR_WEIGHT": "75.11",
    "PUBCHEM_SMILES": "CC(CN)O",
    "PUBCHEM_CONNECTIVITY_SMILES": "CC(CN)O",
    "PUBCHEM_CACTVS_TPSA": "46.3",
    "PUBCHEM_MONOISOTOPIC_WEIGHT": "75.068413911",
    "PUBCHEM_TOTAL_CHARGE": "0",
    "PUBCHEM_HEAVY_ATOM_COUNT": "5",
    "PUBCHEM_ATOM_DEF_STEREO_COUNT": "0",
    "PUBCHEM_ATOM_UDEF_STEREO_COUNT": "1",
    "PUBCHEM_BOND_DEF_STEREO_COUNT": "0",
    "PUBCHEM_BOND_UDEF_STEREO_COUNT": "0",
    "PUBCHEM_ISOTOPIC_ATOM_COUNT": "0",
    "PUBCHEM_COMPONENT_COUNT": "1",
    "PUBCHEM_CACTVS_TAUTO_COUNT": "-1",
}
OLD_NAMES = {
    "PUBCHEM_SMILES": "PUBCHEM_OPENEYE_ISO_SMILES",
    "PUBCHEM_CONNECTIVITY_SMILES": "PUBCHEM_OPENEYE_CAN_SMILES",
    "PUBCHEM_IUPAC_INCHI": "PUBCHEM_NIST_INCHI",
    "PUBCHEM_IUPAC_INCHIKEY": "PUBCHEM_NIST_INCHIKEY",
}


def test_each_tag_lands_in_its_column() -> None:
    """Every value of a real record, masses as text, sums of the stereo counts."""
    assert pubchem_columns(AMINOPROPANOL) == (
        4,
        {
            "iupac_name": "1-aminopropan-2-ol",
            "molecular_formula": "C3H9NO",
            "smiles": "CC(CN)O",
            "connectivity_smiles": "CC(CN)O",
            "inchi": "InChI=1S/C3H9NO/c1-3(5)2-4/h3,5H,2,4H2,1H3",
            "inchikey": "HXKKHQJGJAFBHI-UHFFFAOYSA-N",
            "molecular_weight": "75.11",
            "exact_mass": "75.068413911",
            "monoisotopic_mass": "75.068413911",
            "xlogp": -1.0,
            "tpsa": 46.3,
            "complexity": 22.9,
            "charge": 0,
            "h_bond_donor_count": 2,
            "h_bond_acceptor_count": 2,
            "rotatable_bond_count": 1,
            "heavy_atom_count": 5,
            "isotope_atom_count": 0,
            "atom_stereo_count": 1,
            "defined_atom_stereo_count": 0,
            "undefined_atom_stereo_count": 1,
            "bond_stereo_count": 0,
            "defined_bond_stereo_count": 0,
            "undefined_bond_stereo_count": 0,
            "covalent_unit_count": 1,
        },
    )


def test_the_columns_are_the_tables_but_for_the_title() -> None:
    """A dump speaks of all columns of the table except the title, which its files lack."""
    _, columns = pubchem_columns(AMINOPROPANOL)
    assert set(columns) == set(PROPERTY_COLUMNS) - {"title"}


def test_the_tags_of_older_files_give_the_same() -> None:
    """Files from before the renaming of SMILES and InChI tags are read alike."""
    old = {OLD_NAMES.get(tag, tag): value for tag, value in AMINOPROPANOL.items()}
    assert is_pubchem_dump(old)
    assert pubchem_columns(old) == pubchem_columns(AMINOPROPANOL)


def test_swapped_counts_would_be_seen() -> None:
    """Defined and undefined stereo are told apart, and added up."""
    _, columns = pubchem_columns(
        AMINOPROPANOL
        | {
            "PUBCHEM_ATOM_DEF_STEREO_COUNT": "3",
            "PUBCHEM_ATOM_UDEF_STEREO_COUNT": "2",
            "PUBCHEM_BOND_DEF_STEREO_COUNT": "1",
            "PUBCHEM_BOND_UDEF_STEREO_COUNT": "4",
        }
    )
    assert (columns["defined_atom_stereo_count"], columns["undefined_atom_stereo_count"]) == (3, 2)
    assert (columns["defined_bond_stereo_count"], columns["undefined_bond_stereo_count"]) == (1, 4)
    assert (columns["atom_stereo_count"], columns["bond_stereo_count"]) == (5, 5)


@pytest.mark.parametrize(
    ("tags", "xlogp"),
    [({"PUBCHEM_XLOGP3": "1.2"}, 1.2), ({"PUBCHEM_XLOGP3_AA": "-0.4"}, -0.4), ({}, None)],
)
def test_xlogp_has_two_tags_or_none(tags: dict[str, str], xlogp: float | None) -> None:
    """Both variants of XLogP3 fill the column; a compound may have neither."""
    _, columns = pubchem_columns({"PUBCHEM_COMPOUND_CID": "4"} | tags)
    assert columns["xlogp"] == xlogp


def test_a_trailing_zero_of_a_mass_is_kept() -> None:
    """Masses are text, as PubChem's digits mean something."""
    _, columns = pubchem_columns(AMINOPROPANOL | {"PUBCHEM_MOLECULAR_WEIGHT": "82.90"})
    assert columns["molecular_weight"] == "82.90"


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        ("PUBCHEM_MOLECULAR_WEIGHT", "heavy", "PUBCHEM_MOLECULAR_WEIGHT is not a number: 'heavy'"),
        ("PUBCHEM_EXACT_MASS", "NaN", "PUBCHEM_EXACT_MASS is not a number"),
        ("PUBCHEM_CACTVS_TPSA", "1e999", "PUBCHEM_CACTVS_TPSA is not a number"),
        ("PUBCHEM_TOTAL_CHARGE", "1.5", "PUBCHEM_TOTAL_CHARGE is not a number"),
        ("PUBCHEM_COMPOUND_CID", "0", "PUBCHEM_COMPOUND_CID is below 1"),
        ("PUBCHEM_COMPOUND_CID", "", "PUBCHEM_COMPOUND_CID is empty"),
    ],
)
def test_an_unusable_value_is_named_with_its_tag(tag: str, value: str, message: str) -> None:
    """The message tells which tag of the record is wrong."""
    with pytest.raises(UnusableValueError, match=message):
        pubchem_columns(AMINOPROPANOL | {tag: value})


def test_a_three_dimensional_record_is_no_compound_dump() -> None:
    """PubChem's 3D files lack the columns; taken as a dump they would empty the row of the compound."""
    assert not is_pubchem_dump(
        {"PUBCHEM_COMPOUND_CID": "4", "PUBCHEM_CONFORMER_ID": "1", "PUBCHEM_HEAVY_ATOM_COUNT": "5"}
    )


def test_a_users_own_tags_are_no_dump() -> None:
    """A file that merely mentions a CID or has ChEMBL's tag is its owner's."""
    assert not is_pubchem_dump({"cid": "4", "SMILES": "CC(CN)O"})
    assert not is_pubchem_dump({"chembl_id": "CHEMBL25"})
