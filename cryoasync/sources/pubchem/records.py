"""One compound as PubChem writes it, and as the row we keep.

Numbers come as integers, floats or text, and a property without a value is left out. Masses are text whose
trailing zeros say how exact they are, so they are kept as decimals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from cryoasync.sources.pubchem.table import PROPERTY_COLUMNS
from cryoasync.sources.scalars import Scalar, decimal, decoded, integer, number, text


class PropertyRow(msgspec.Struct):
    """A row of the property table, under PubChem's own names; the old names of the SMILES are read too."""

    CID: Scalar
    Title: Scalar | None = None
    IUPACName: Scalar | None = None
    MolecularFormula: Scalar | None = None
    SMILES: Scalar | None = None
    IsomericSMILES: Scalar | None = None
    ConnectivitySMILES: Scalar | None = None
    CanonicalSMILES: Scalar | None = None
    InChI: Scalar | None = None
    InChIKey: Scalar | None = None
    MolecularWeight: Scalar | None = None
    ExactMass: Scalar | None = None
    MonoisotopicMass: Scalar | None = None
    XLogP: Scalar | None = None
    TPSA: Scalar | None = None
    Complexity: Scalar | None = None
    Charge: Scalar | None = None
    HBondDonorCount: Scalar | None = None
    HBondAcceptorCount: Scalar | None = None
    RotatableBondCount: Scalar | None = None
    HeavyAtomCount: Scalar | None = None
    IsotopeAtomCount: Scalar | None = None
    AtomStereoCount: Scalar | None = None
    DefinedAtomStereoCount: Scalar | None = None
    UndefinedAtomStereoCount: Scalar | None = None
    BondStereoCount: Scalar | None = None
    DefinedBondStereoCount: Scalar | None = None
    UndefinedBondStereoCount: Scalar | None = None
    CovalentUnitCount: Scalar | None = None


class SynonymRow(msgspec.Struct):
    """A row of the synonyms answer; the key is left out where there are none."""

    CID: Scalar
    Synonym: list[Scalar] = []


class _Identified(msgspec.Struct):
    CID: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Compound:
    """What one answer of the property table says of one CID.

    ``values`` are in the order of the table's property columns; ``extra`` holds the further properties asked
    for, ``None`` where PubChem left one out.
    """

    cid: int
    values: tuple[Any, ...]
    extra: Mapping[str, Any] | None


_PROPERTIES: Mapping[str, tuple[str, Callable[[Scalar], Any]]] = {
    "title": ("Title", text),
    "iupac_name": ("IUPACName", text),
    "molecular_formula": ("MolecularFormula", text),
    "smiles": ("SMILES", text),
    "connectivity_smiles": ("ConnectivitySMILES", text),
    "inchi": ("InChI", text),
    "inchikey": ("InChIKey", text),
    "molecular_weight": ("MolecularWeight", decimal),
    "exact_mass": ("ExactMass", decimal),
    "monoisotopic_mass": ("MonoisotopicMass", decimal),
    "xlogp": ("XLogP", number),
    "tpsa": ("TPSA", number),
    "complexity": ("Complexity", number),
    "charge": ("Charge", integer),
    "h_bond_donor_count": ("HBondDonorCount", integer),
    "h_bond_acceptor_count": ("HBondAcceptorCount", integer),
    "rotatable_bond_count": ("RotatableBondCount", integer),
    "heavy_atom_count": ("HeavyAtomCount", integer),
    "isotope_atom_count": ("IsotopeAtomCount", integer),
    "atom_stereo_count": ("AtomStereoCount", integer),
    "defined_atom_stereo_count": ("DefinedAtomStereoCount", integer),
    "undefined_atom_stereo_count": ("UndefinedAtomStereoCount", integer),
    "bond_stereo_count": ("BondStereoCount", integer),
    "defined_bond_stereo_count": ("DefinedBondStereoCount", integer),
    "undefined_bond_stereo_count": ("UndefinedBondStereoCount", integer),
    "covalent_unit_count": ("CovalentUnitCount", integer),
}

PROPERTY_NAMES = tuple(_PROPERTIES[column][0] for column in PROPERTY_COLUMNS)
"""PubChem's names for the property columns, in their order."""

_CONVERSIONS = tuple(_PROPERTIES[column][1] for column in PROPERTY_COLUMNS)
_TYPE_OF: Mapping[Callable[[Scalar], Any], type] = {
    text: str,
    decimal: Decimal,
    number: float,
    integer: int,
}
_KEPT_TYPES = tuple(_TYPE_OF[convert] for convert in _CONVERSIONS)
_values_of = attrgetter(*PROPERTY_NAMES)
_property_decoder = msgspec.json.Decoder(PropertyRow)
_synonym_decoder = msgspec.json.Decoder(SynonymRow)
_identified_decoder = msgspec.json.Decoder(_Identified)
_further_decoder = msgspec.json.Decoder(dict[str, Any])


def read_property_row(raw: msgspec.Raw | bytes, extra: Sequence[str]) -> Compound | None:
    """Return the compound that a row describes, or ``None`` for a bare ``{"CID": n}``, which knows nothing.

    Raises:
        ValueError: a value is not of its property's kind (``msgspec.ValidationError`` is one).
    """
    row = decoded(_property_decoder, raw)
    if row.SMILES is None:
        row.SMILES = row.IsomericSMILES
    if row.ConnectivitySMILES is None:
        row.ConnectivitySMILES = row.CanonicalSMILES
    # A list first, and no call for what has its type already: this is done to every value there is.
    values = tuple(
        [
            value if value is None or type(value) is kept else convert(value)
            for value, kept, convert in zip(_values_of(row), _KEPT_TYPES, _CONVERSIONS, strict=True)
        ]
    )
    further = _further_properties(raw, extra) if extra else None
    if all(value is None for value in (*values, *(further or {}).values())):
        return None
    return Compound(cid=integer(row.CID), values=values, extra=further)


def read_synonym_row(raw: msgspec.Raw | bytes) -> tuple[int, tuple[str, ...]]:
    """Return a CID and its synonyms, the best one first.

    Raises:
        ValueError: a value is not of its kind.
    """
    row = decoded(_synonym_decoder, raw)
    return integer(row.CID), tuple(map(text, row.Synonym))


def has_properties(raw: msgspec.Raw, extra: Sequence[str]) -> bool:
    """Tell whether a row describes a compound, and can be read."""
    try:
        return read_property_row(raw, extra) is not None
    except ValueError:
        return False


def tells_synonyms(raw: msgspec.Raw) -> bool:
    """Tell whether a row can be read; that a compound has no synonyms is an answer, too."""
    try:
        read_synonym_row(raw)
    except ValueError:
        return False
    return True


def read_cid(raw: msgspec.Raw | bytes) -> int:
    """Return the CID of any row.

    Raises:
        ValueError: there is none.
    """
    return integer(decoded(_identified_decoder, raw).CID)


def _further_properties(raw: msgspec.Raw | bytes, names: Sequence[str]) -> dict[str, Any]:
    row = decoded(_further_decoder, raw)
    return {name: row.get(name) for name in names}
