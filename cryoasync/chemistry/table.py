"""The table ``rdkit_descriptors``: its columns and how computed rows are merged."""

from cryoasync.models import StagedTable

_KEY = ("source", "source_id")
_VALUES = (
    "canonical_smiles",
    "inchi",
    "inchikey",
    "molecular_formula",
    "molecular_weight",
    "exact_mass",
    "crippen_logp",
    "molar_refractivity",
    "tpsa",
    "h_bond_donors",
    "h_bond_acceptors",
    "rotatable_bonds",
    "rings",
    "aromatic_rings",
    "fraction_csp3",
    "heavy_atoms",
    "formal_charge",
    "qed",
    "rdkit_version",
)
_COLUMNS = (*_KEY, *_VALUES, "computed_at")

# A row whose values are the same is left alone, its time included.
_MERGE = f"""
INSERT INTO cryoasync.rdkit_descriptors AS stored ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM {{staging}} ORDER BY source, source_id
ON CONFLICT (source, source_id) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in (*_VALUES, "computed_at"))}
WHERE ({", ".join(f"stored.{column}" for column in _VALUES)})
    IS DISTINCT FROM ({", ".join(f"excluded.{column}" for column in _VALUES)})
"""  # noqa: S608 - names of our own columns

RDKIT_DESCRIPTORS = StagedTable(name="rdkit_descriptors", columns=_COLUMNS, key=_KEY, merge=(_MERGE,))
