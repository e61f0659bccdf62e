"""The table ``chembl_molecules``: its columns, how newer answers replace older ones, and what is fresh."""

from cryoasync.models import StagedTable

VALUE_COLUMNS = (
    "pref_name",
    "molecule_type",
    "structure_type",
    "parent_chembl_id",
    "canonical_smiles",
    "standard_inchi",
    "standard_inchi_key",
    "full_molformula",
    "molecular_species",
    "ro3_pass",
    "max_phase",
    "full_mwt",
    "mw_freebase",
    "mw_monoisotopic",
    "alogp",
    "cx_logp",
    "cx_logd",
    "cx_most_apka",
    "cx_most_bpka",
    "psa",
    "qed_weighted",
    "np_likeness_score",
    "first_approval",
    "hba",
    "hbd",
    "hba_lipinski",
    "hbd_lipinski",
    "rtb",
    "heavy_atoms",
    "aromatic_rings",
    "num_ro5_violations",
    "num_lipinski_ro5_violations",
)
"""The single values of a molecule, as columns."""

_COLUMNS = ("chembl_id", *VALUE_COLUMNS, "synonyms", "extra", "chembl_release", "fetched_at", "run_id")

IS_ANSWER = "({row}.chembl_release IS NOT NULL OR {row}.molecule_type IS NOT NULL)"
"""Tells a row that ChEMBL answered from one of its files, which hold structures alone."""

# ChEMBL's answers hold all that it has of a molecule, so the newer one replaces the whole row: no row mixes two
# releases. Synonyms alone may be left out of an answer, and such an answer overwrites none.
_MERGE = f"""
INSERT INTO cryoasync.chembl_molecules AS stored ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM {{staging}} ORDER BY chembl_id
ON CONFLICT (chembl_id) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in _COLUMNS if column not in ("chembl_id", "synonyms"))},
    synonyms = coalesce(excluded.synonyms, stored.synonyms)
WHERE excluded.fetched_at > stored.fetched_at
    OR ({IS_ANSWER.format(row="excluded")} AND NOT {IS_ANSWER.format(row="stored")})
"""  # noqa: S608 - names of our own columns

CHEMBL_MOLECULES = StagedTable(
    name="chembl_molecules", columns=_COLUMNS, key=("chembl_id",), merge=(_MERGE,), records_of="chembl"
)

FRESH_MOLECULES = f"""
SELECT chembl_id, fetched_at
FROM cryoasync.chembl_molecules AS stored
WHERE chembl_id = ANY ($1::text[]) AND fetched_at >= $2 AND {IS_ANSWER.format(row="stored")}
"""  # noqa: S608 - names of our own columns
"""Which of the ids ``$1`` were fetched since ``$2``: text and time."""
