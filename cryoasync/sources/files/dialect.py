"""Whose file it is, told by its tags: PubChem's own and ChEMBL's speak of columns that are known."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from cryoasync.sources.chembl.identifiers import chembl_id, parse_chembl_id
from cryoasync.sources.chembl.records import MOLFILE, STRUCTURES
from cryoasync.sources.files.models import ColumnValue
from cryoasync.sources.identifiers import InvalidIdentifier
from cryoasync.sources.pubchem.identifiers import parse_cid

_CID = "PUBCHEM_COMPOUND_CID"
_CHEMBL_ID = "chembl_id"
_CHEMBL_NAME = "chembl_pref_name"
_CHEMBL_SDF_TAGS = frozenset({_CHEMBL_ID, _CHEMBL_NAME, "chebi_id"})
_NO_NAME = frozenset({"", "None"})
_CHEMBL_TABLE_COLUMNS = frozenset({"standard_inchi", "standard_inchi_key"})
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)


class UnusableValueError(ValueError):
    """A tag holds what its column cannot."""


def _text(value: str) -> str:
    return value


def _decimal_text(value: str) -> str:
    if _NUMBER.fullmatch(value) is None:
        raise ValueError("not a number")
    return value


def _real(value: str) -> float:
    number = float(_decimal_text(value))
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number


# Column → the tags that may hold it, newer names first, and how it is read. PubChem's property table makes
# no difference between XLOGP3 and XLOGP3_AA either.
_COLUMNS: Mapping[str, tuple[tuple[str, ...], Callable[[str], ColumnValue]]] = {
    "iupac_name": (("PUBCHEM_IUPAC_NAME",), _text),
    "molecular_formula": (("PUBCHEM_MOLECULAR_FORMULA",), _text),
    "smiles": (("PUBCHEM_SMILES", "PUBCHEM_OPENEYE_ISO_SMILES"), _text),
    "connectivity_smiles": (("PUBCHEM_CONNECTIVITY_SMILES", "PUBCHEM_OPENEYE_CAN_SMILES"), _text),
    "inchi": (("PUBCHEM_IUPAC_INCHI", "PUBCHEM_NIST_INCHI"), _text),
    "inchikey": (("PUBCHEM_IUPAC_INCHIKEY", "PUBCHEM_NIST_INCHIKEY"), _text),
    "molecular_weight": (("PUBCHEM_MOLECULAR_WEIGHT",), _decimal_text),
    "exact_mass": (("PUBCHEM_EXACT_MASS",), _decimal_text),
    "monoisotopic_mass": (("PUBCHEM_MONOISOTOPIC_WEIGHT",), _decimal_text),
    "xlogp": (("PUBCHEM_XLOGP3", "PUBCHEM_XLOGP3_AA"), _real),
    "tpsa": (("PUBCHEM_CACTVS_TPSA",), _real),
    "complexity": (("PUBCHEM_CACTVS_COMPLEXITY",), _real),
    "charge": (("PUBCHEM_TOTAL_CHARGE",), int),
    "h_bond_donor_count": (("PUBCHEM_CACTVS_HBOND_DONOR",), int),
    "h_bond_acceptor_count": (("PUBCHEM_CACTVS_HBOND_ACCEPTOR",), int),
    "rotatable_bond_count": (("PUBCHEM_CACTVS_ROTATABLE_BOND",), int),
    "heavy_atom_count": (("PUBCHEM_HEAVY_ATOM_COUNT",), int),
    "isotope_atom_count": (("PUBCHEM_ISOTOPIC_ATOM_COUNT",), int),
    "defined_atom_stereo_count": (("PUBCHEM_ATOM_DEF_STEREO_COUNT",), int),
    "undefined_atom_stereo_count": (("PUBCHEM_ATOM_UDEF_STEREO_COUNT",), int),
    "defined_bond_stereo_count": (("PUBCHEM_BOND_DEF_STEREO_COUNT",), int),
    "undefined_bond_stereo_count": (("PUBCHEM_BOND_UDEF_STEREO_COUNT",), int),
    "covalent_unit_count": (("PUBCHEM_COMPONENT_COUNT",), int),
}
# The 3D files have the CID and some counts, and lack these.
_STRUCTURE_TAGS = frozenset(tag for column in ("smiles", "inchikey") for tag in _COLUMNS[column][0])


def is_pubchem_dump(fields: Mapping[str, str]) -> bool:
    """Whether the tags are those of PubChem's two-dimensional compound files, of any year."""
    return _CID in fields and not _STRUCTURE_TAGS.isdisjoint(fields)


def chembl_sdf_id(fields: Mapping[str, str]) -> str | None:
    """Return the id that ChEMBL's SDF gives a molecule; ``None`` where there are tags that ChEMBL has not."""
    return _chembl_id(fields.get(_CHEMBL_ID, "")) if fields.keys() <= _CHEMBL_SDF_TAGS else None


def chembl_sdf_columns(fields: Mapping[str, str], molfile: str) -> dict[str, Any]:
    """Return the columns of ``chembl_molecules`` that a record of ChEMBL's SDF gives, ``extra`` among them."""
    name = fields.get(_CHEMBL_NAME, "").strip()
    further = {tag: value for tag, value in fields.items() if tag not in {_CHEMBL_ID, _CHEMBL_NAME}}
    return {
        "pref_name": None if name in _NO_NAME else name,
        "extra": {STRUCTURES: {MOLFILE: molfile}, **further},
    }


def chembl_table_id(name: str | None, fields: Mapping[str, str]) -> str | None:
    """Return the id of a line of ChEMBL's table of representations; ``None`` where the table is another."""
    return _chembl_id(name or "") if fields.keys() == _CHEMBL_TABLE_COLUMNS else None


def _chembl_id(text: str) -> str | None:
    number = parse_chembl_id(text)
    return None if isinstance(number, InvalidIdentifier) else chembl_id(number)


def pubchem_columns(fields: Mapping[str, str]) -> tuple[int, dict[str, ColumnValue]]:
    """Return the CID and the columns of ``pubchem_compounds`` that PubChem's tags give.

    A missing or blank tag is ``None``. The stereo counts are the sums of the defined and undefined ones, as
    in PubChem's property table.

    Raises:
        UnusableValueError: a number is none, or the CID is not valid; the message names the tag.
    """
    cid = parse_cid(fields[_CID])
    if isinstance(cid, InvalidIdentifier):
        raise UnusableValueError(f"{_CID} is {cid.reason}")
    columns = {column: _value(fields, tags, read) for column, (tags, read) in _COLUMNS.items()}
    for element in ("atom", "bond"):
        defined = columns[f"defined_{element}_stereo_count"]
        undefined = columns[f"undefined_{element}_stereo_count"]
        columns[f"{element}_stereo_count"] = (
            defined + undefined if isinstance(defined, int) and isinstance(undefined, int) else None
        )
    return cid, columns


def _value(
    fields: Mapping[str, str], tags: tuple[str, ...], read: Callable[[str], ColumnValue]
) -> ColumnValue:
    tag = next((tag for tag in tags if fields.get(tag, "").strip()), None)
    if tag is None:
        return None
    value = fields[tag].strip()
    try:
        return read(value)
    except ValueError as error:
        raise UnusableValueError(f"{tag} is not a number: '{value[:40]}'") from error
