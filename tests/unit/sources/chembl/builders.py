"""Molecules that nobody made, in the shapes of several releases of ChEMBL."""

from collections.abc import Mapping
from typing import Any

MOLFILE = "\n     RDKit          2D\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\nM  END"
TAIL = "\n> <chembl_id>\nCHEMBL7\n\n> <chembl_pref_name>\nNone"

RELEASE_37: Mapping[str, Any] = {
    "atc_classifications": ["A01AA01"],
    "availability_type": 1,
    "biotherapeutic": None,
    "black_box_warning": 0,
    "chemical_probe": 0,
    "chirality": 2,
    "cross_references": [{"xref_id": "a", "xref_name": None, "xref_src": "DailyMed"}],
    "dosed_ingredient": True,
    "first_approval": 1976,
    "first_in_class": 0,
    "helm_notation": None,
    "inorganic_flag": 0,
    "max_phase": "4.0",
    "molecule_chembl_id": "CHEMBL7",
    "molecule_hierarchy": {
        "active_chembl_id": "CHEMBL8",
        "molecule_chembl_id": "CHEMBL7",
        "parent_chembl_id": "CHEMBL8",
    },
    "molecule_properties": {
        "alogp": "-0.10",
        "aromatic_rings": 0,
        "full_molformula": "CH4",
        "full_mwt": "16.04",
        "hba": 0,
        "hbd": 0,
        "heavy_atoms": 1,
        "mw_freebase": "16.04",
        "np_likeness_score": "-1.29",
        "num_ro5_violations": 0,
        "psa": "0.00",
        "qed_weighted": "0.36",
        "ro3_pass": "Y",
        "rtb": 0,
    },
    "molecule_structures": {
        "canonical_smiles": "C",
        "molfile": MOLFILE + TAIL,
        "standard_inchi": "InChI=1S/CH4/h1H4",
        "standard_inchi_key": "VNWKTOKETHGBQD-UHFFFAOYSA-N",
    },
    "molecule_synonyms": [
        {"molecule_synonym": "Methyl hydride", "syn_type": "OTHER", "synonyms": "METHYL HYDRIDE"},
        {"molecule_synonym": "Fire damp", "syn_type": "TRADE_NAME", "synonyms": "FIRE DAMP"},
        {"molecule_synonym": "Fire damp", "syn_type": "OTHER", "synonyms": "FIRE DAMP"},
    ],
    "molecule_type": "Small molecule",
    "natural_product": 1,
    "oral": True,
    "orphan": 0,
    "parenteral": False,
    "polymer_flag": 0,
    "pref_name": "METHANE",
    "prodrug": 0,
    "structure_type": "MOL",
    "therapeutic_flag": True,
    "topical": False,
    "usan_stem": None,
    "usan_stem_definition": None,
    "usan_substem": None,
    "usan_year": None,
    "veterinary": 0,
    "withdrawn_flag": False,
}

RELEASE_35: Mapping[str, Any] = {
    **{key: value for key, value in RELEASE_37.items() if key != "veterinary"},
    "chebi_par_id": 16183,
    "indication_class": None,
    "natural_product": -1,
    "molecule_properties": {
        **RELEASE_37["molecule_properties"],
        "cx_logd": "1.09",
        "cx_logp": "1.09",
        "cx_most_apka": None,
        "cx_most_bpka": "4.50",
        "molecular_species": "NEUTRAL",
        "mw_monoisotopic": "16.0313",
        "hba_lipinski": 0,
        "hbd_lipinski": 0,
        "num_lipinski_ro5_violations": 0,
    },
}

_NEWER = ("chemical_probe", "orphan", "veterinary")
RELEASE_31: Mapping[str, Any] = {
    **{key: value for key, value in RELEASE_35.items() if key not in _NEWER},
    "max_phase": 0,
    "polymer_flag": False,
    "withdrawn_year": None,
    "withdrawn_country": None,
    "withdrawn_reason": None,
    "withdrawn_class": None,
}

RELEASE_25: Mapping[str, Any] = {
    **{
        key: value
        for key, value in RELEASE_31.items()
        if key not in ("cross_references", "molecule_synonyms")
    },
    **dict.fromkeys(
        ("availability_type", "chirality", "prodrug", "first_in_class", "black_box_warning"), "1"
    ),
    **dict.fromkeys(("natural_product", "inorganic_flag"), "-1"),
    "molecule_hierarchy": {"molecule_chembl_id": "CHEMBL7", "parent_chembl_id": "CHEMBL8"},
    "molecule_structures": {
        key: value for key, value in RELEASE_37["molecule_structures"].items() if key != "molfile"
    },
    "molecule_properties": {**RELEASE_35["molecule_properties"], "num_alerts": 2},
    "similarity": "83.3333313465118408",
}

BIOLOGIC: Mapping[str, Any] = {
    **RELEASE_37,
    "biotherapeutic": {
        "biocomponents": [{"component_id": 1, "component_type": None, "sequence": "MKV", "tax_id": 9606}],
        "description": "a protein",
        "helm_notation": None,
        "molecule_chembl_id": "CHEMBL7",
    },
    "max_phase": None,
    "molecule_hierarchy": None,
    "molecule_properties": None,
    "molecule_structures": None,
    "molecule_synonyms": [],
    "molecule_type": "Protein",
    "pref_name": None,
    "structure_type": "SEQ",
}
