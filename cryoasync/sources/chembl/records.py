"""One molecule as ChEMBL's releases write it, and as the row we keep.

Decimals come as text, counts as integers, and from release to release one becomes the other. Whole parts may be
null: a biologic has no structure, a molecule outside RDKit's calculations no properties. What has no column goes
into ``extra`` as it stands, so that nothing is lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cryoasync.sources.chembl.table import VALUE_COLUMNS
from cryoasync.sources.scalars import Scalar, decimal, decoded, integer, text

ID = "molecule_chembl_id"
SYNONYMS = "molecule_synonyms"
STRUCTURES = "molecule_structures"
PROPERTIES = "molecule_properties"
HIERARCHY = "molecule_hierarchy"
MOLFILE = "molfile"
END_OF_MOLFILE = "M  END"

_Conversion = Callable[[Scalar], Any]
_TOP: Mapping[str, _Conversion] = {
    "pref_name": text,
    "molecule_type": text,
    "structure_type": text,
    "max_phase": decimal,
    "first_approval": integer,
}
_PARTS: Mapping[str, Mapping[str, _Conversion]] = {
    HIERARCHY: {"parent_chembl_id": text},
    STRUCTURES: dict.fromkeys(("canonical_smiles", "standard_inchi", "standard_inchi_key"), text),
    PROPERTIES: {
        **dict.fromkeys(("full_molformula", "molecular_species", "ro3_pass"), text),
        **dict.fromkeys(
            (
                *("full_mwt", "mw_freebase", "mw_monoisotopic", "alogp", "cx_logp", "cx_logd"),
                *("cx_most_apka", "cx_most_bpka", "psa", "qed_weighted", "np_likeness_score"),
            ),
            decimal,
        ),
        **dict.fromkeys(
            (
                *("hba", "hbd", "hba_lipinski", "hbd_lipinski", "rtb", "heavy_atoms", "aromatic_rings"),
                *("num_ro5_violations", "num_lipinski_ro5_violations"),
            ),
            integer,
        ),
    },
}
_decoder = msgspec.json.Decoder(dict[str, Any])


class _Identified(msgspec.Struct):
    molecule_chembl_id: str


_identified_decoder = msgspec.json.Decoder(_Identified)


class MalformedMoleculeError(ValueError):
    """An answer is not of the form that ChEMBL's molecules have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Molecule:
    """What one answer says of one molecule.

    ``values`` are in the order of the table's value columns; ``synonyms`` are ``None`` where the answer says
    nothing of them; ``extra`` holds every key that has no column, nested as in the answer.
    """

    chembl_id: str
    values: tuple[Any, ...]
    synonyms: tuple[str, ...] | None
    extra: Mapping[str, Any]


def read_object(raw: msgspec.Raw | bytes) -> dict[str, Any]:
    """Return a molecule as ChEMBL wrote it.

    Raises:
        ValueError: it is no JSON object.
    """
    return decoded(_decoder, raw)


def read_molecule(answer: Mapping[str, Any]) -> Molecule:
    """Return the molecule that an answer describes.

    Raises:
        ValueError: it has no id, or a value is not of its column's kind.
    """
    extra = dict(answer)
    identity = extra.pop(ID, None)
    if not isinstance(identity, str):
        raise MalformedMoleculeError(f"its {ID} is {identity!r}")
    values = _taken(extra, _TOP)
    for part, conversions in _PARTS.items():
        values |= _taken_from_part(extra, part, conversions)
    return Molecule(
        chembl_id=identity,
        values=tuple(map(values.get, VALUE_COLUMNS)),
        synonyms=_synonyms(extra),
        extra=extra,
    )


def read_chembl_id(raw: msgspec.Raw | bytes) -> str:
    """Return the id of a molecule.

    Raises:
        ValueError: there is none.
    """
    return decoded(_identified_decoder, raw).molecule_chembl_id


def _taken_from_part(
    extra: dict[str, Any], name: str, conversions: Mapping[str, _Conversion]
) -> dict[str, Any]:
    """Take the values with a column out of one part, and leave the rest of it in ``extra``."""
    part = extra.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise MalformedMoleculeError(f"its {name} is no object")
    rest = dict(part)
    if name == STRUCTURES and isinstance(rest.get(MOLFILE), str):
        rest[MOLFILE] = without_tail(rest[MOLFILE])
    values = _taken(rest, conversions)
    extra[name] = rest
    return values


def _taken(source: dict[str, Any], conversions: Mapping[str, _Conversion]) -> dict[str, Any]:
    taken = {}
    for key, convert in conversions.items():
        value = source.pop(key, None)
        if value is None:
            continue
        if not isinstance(value, Scalar):
            raise MalformedMoleculeError(f"its {key} is no single value")
        try:
            taken[key] = convert(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    return taken


def _synonyms(extra: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the names alone, and put the list in ``extra`` into an order that lasts from answer to answer."""
    rows = extra.get(SYNONYMS)
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedMoleculeError(f"its {SYNONYMS} are no list of objects")
    extra[SYNONYMS] = sorted(rows, key=_synonym_order)
    names = (row.get("molecule_synonym") or row.get("synonyms") for row in rows)
    return tuple(sorted({text(name) for name in names if name}))


def _synonym_order(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(text(row.get(key) or "") for key in ("molecule_synonym", "syn_type", "synonyms"))


def without_tail(molfile: str) -> str:
    """Return a molfile up to its end: what follows are tags that depend on which fields were asked for."""
    before, end, _ = molfile.partition(END_OF_MOLFILE)
    return before + end
