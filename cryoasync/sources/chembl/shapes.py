"""The keys and JSON types that releases 25 to 37 were seen to use, and a watch for others."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import structlog

from cryoasync.sources.chembl.records import HIERARCHY, ID, MOLFILE, PROPERTIES, STRUCTURES, SYNONYMS

_log = structlog.get_logger(__name__)

_FLAG = frozenset({bool, int, str})
_TEXT = frozenset({str})
_INTEGER = frozenset({int})
_MIXED = frozenset({int, str})
_LIST = frozenset({list})
_OBJECT = frozenset({dict})

_Kinds = Mapping[str, frozenset[type]]
_TOP: _Kinds = {
    **dict.fromkeys((PROPERTIES, STRUCTURES, HIERARCHY, "biotherapeutic"), _OBJECT),
    **dict.fromkeys((SYNONYMS, "atc_classifications", "cross_references"), _LIST),
    **dict.fromkeys(
        (
            *("black_box_warning", "chemical_probe", "dosed_ingredient", "first_in_class", "inorganic_flag"),
            *(
                "natural_product",
                "oral",
                "orphan",
                "parenteral",
                "polymer_flag",
                "prodrug",
                "therapeutic_flag",
            ),
            *("topical", "veterinary", "withdrawn_flag"),
        ),
        _FLAG,
    ),
    **dict.fromkeys(("availability_type", "chirality", "max_phase", "chebi_par_id"), _MIXED),
    **dict.fromkeys(("first_approval", "usan_year", "withdrawn_year"), _INTEGER),
    **dict.fromkeys(
        (
            *(ID, "helm_notation", "indication_class", "molecule_type", "pref_name", "structure_type"),
            *("usan_stem", "usan_stem_definition", "usan_substem"),
            *("withdrawn_class", "withdrawn_country", "withdrawn_reason", "similarity"),
        ),
        _TEXT,
    ),
}
_PARTS: Mapping[str, _Kinds] = {
    HIERARCHY: dict.fromkeys(("active_chembl_id", ID, "parent_chembl_id"), _TEXT),
    STRUCTURES: dict.fromkeys(("canonical_smiles", MOLFILE, "standard_inchi", "standard_inchi_key"), _TEXT),
    PROPERTIES: {
        **dict.fromkeys(
            (
                *("acd_logd", "acd_logp", "acd_most_apka", "acd_most_bpka", "alogp", "cx_logd", "cx_logp"),
                *("cx_most_apka", "cx_most_bpka", "full_molformula", "full_mwt", "med_chem_friendly"),
                *("molecular_species", "mw_freebase", "mw_monoisotopic", "np_likeness_score", "psa"),
                *("qed_weighted", "ro3_pass"),
            ),
            _TEXT,
        ),
        **dict.fromkeys(
            (
                *(
                    "aromatic_rings",
                    "hba",
                    "hba_lipinski",
                    "hbd",
                    "hbd_lipinski",
                    "heavy_atoms",
                    "num_alerts",
                ),
                *("num_lipinski_ro5_violations", "num_ro5_violations", "rtb"),
            ),
            _INTEGER,
        ),
    },
}


class ShapeWatch:
    """Tells once of each key that no release had so far, and once of each type that a key never had."""

    def __init__(self, tell: Callable[..., Any] = _log.warning) -> None:
        """Tell through ``tell``, by default the log."""
        self._tell = tell
        self._told: set[tuple[str, type | None]] = set()

    def look(self, answer: Mapping[str, Any]) -> None:
        """Look at a molecule as ChEMBL wrote it."""
        for key, value, types in chain(_members("", answer, _TOP), *_members_of_parts(answer)):
            if types is None:
                self._tell_once(key, None, "ChEMBL has a new key; it is kept in extra")
            elif value is not None and type(value) not in types:
                self._tell_once(key, type(value), "ChEMBL changed the type of a value")

    def _tell_once(self, key: str, kind: type | None, message: str) -> None:
        if (key, kind) in self._told:
            return
        self._told.add((key, kind))
        self._tell(message, key=key, **({} if kind is None else {"type": kind.__name__}))


def _members_of_parts(
    answer: Mapping[str, Any],
) -> Iterator[Iterator[tuple[str, Any, frozenset[type] | None]]]:
    for name, kinds in _PARTS.items():
        part = answer.get(name)
        if isinstance(part, dict):
            yield _members(f"{name}.", part, kinds)


def _members(
    prefix: str, values: Mapping[str, Any], kinds: _Kinds
) -> Iterator[tuple[str, Any, frozenset[type] | None]]:
    return ((prefix + key, value, kinds.get(key)) for key, value in values.items())
