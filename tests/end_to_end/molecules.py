"""ChEMBL's molecules in the database, and what should be there by the simulator's own account."""

import json
from typing import Any

from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import query

# Written down here once more, since the package's own table is what is tested.
_TEXTS = {
    "": ("pref_name", "molecule_type", "structure_type"),
    "molecule_hierarchy": ("parent_chembl_id",),
    "molecule_structures": ("canonical_smiles", "standard_inchi", "standard_inchi_key"),
    "molecule_properties": ("full_molformula", "molecular_species", "ro3_pass"),
}
_DECIMALS = {
    "": ("max_phase",),
    "molecule_properties": (
        *("full_mwt", "mw_freebase", "mw_monoisotopic", "alogp", "cx_logp", "cx_logd", "cx_most_apka"),
        *("cx_most_bpka", "psa", "qed_weighted", "np_likeness_score"),
    ),
}
_COUNTS = {
    "": ("first_approval",),
    "molecule_properties": (
        *("hba", "hbd", "hba_lipinski", "hbd_lipinski", "rtb", "heavy_atoms", "aromatic_rings"),
        *("num_ro5_violations", "num_lipinski_ro5_violations"),
    ),
}
_PARTS = ("", "molecule_hierarchy", "molecule_structures", "molecule_properties")
_OF_PART = {
    part: (*_TEXTS.get(part, ()), *_DECIMALS.get(part, ()), *_COUNTS.get(part, ())) for part in _PARTS
}
_COLUMNS = tuple(column for columns in _OF_PART.values() for column in columns)
_AS_TEXT = {column for columns in _DECIMALS.values() for column in columns}
# As text, so that trailing zeros count.
_SELECTED = ", ".join(f"{column}::text" if column in _AS_TEXT else column for column in _COLUMNS)

Molecule = dict[str, Any]


def molecules(dsn: str) -> dict[str, Molecule]:
    """Return what is in the table of molecules, but for times, runs and releases."""
    rows = query(dsn, f"SELECT chembl_id, {_SELECTED}, synonyms, extra FROM cryoasync.chembl_molecules")
    return {
        chembl_id: dict(zip(_COLUMNS, values, strict=True))
        | {"synonyms": synonyms, "extra": json.loads(extra)}
        for chembl_id, *values, synonyms, extra in rows
    }


def listed_molecules(simulator: RunningSimulator) -> dict[str, Molecule]:
    """Return all that the simulator lists now, as a complete import brings it."""
    return {record["molecule_chembl_id"]: true_molecule(record) for record in simulator.chembl_records()}


def true_molecule(record: dict[str, Any]) -> Molecule:
    """Return what an import makes of one molecule."""
    extra = dict(record)
    del extra["molecule_chembl_id"]
    molecule: Molecule = {}
    for part, columns in _OF_PART.items():
        source = extra if part == "" else dict(extra[part] or {})
        molecule |= {column: source.pop(column, None) for column in columns}
        if part and extra[part] is not None:
            extra[part] = source
    molecule |= {column: str(molecule[column]) for column in _AS_TEXT if molecule[column] is not None}
    if extra["molecule_structures"]:
        molfile = extra["molecule_structures"]["molfile"]
        extra["molecule_structures"] = {"molfile": molfile[: molfile.index("M  END") + len("M  END")]}
    names = sorted(
        extra["molecule_synonyms"],
        key=lambda each: (each["molecule_synonym"], each["syn_type"], each["synonyms"]),
    )
    extra["molecule_synonyms"] = names
    return molecule | {"synonyms": sorted({name["molecule_synonym"] for name in names}), "extra": extra}
