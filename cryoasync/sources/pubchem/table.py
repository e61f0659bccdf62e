"""The table ``pubchem_compounds``: its columns, how newer answers replace older ones, and what is fresh."""

from cryoasync.models import StagedTable

PROPERTY_COLUMNS = (
    "title",
    "iupac_name",
    "molecular_formula",
    "smiles",
    "connectivity_smiles",
    "inchi",
    "inchikey",
    "molecular_weight",
    "exact_mass",
    "monoisotopic_mass",
    "xlogp",
    "tpsa",
    "complexity",
    "charge",
    "h_bond_donor_count",
    "h_bond_acceptor_count",
    "rotatable_bond_count",
    "heavy_atom_count",
    "isotope_atom_count",
    "atom_stereo_count",
    "defined_atom_stereo_count",
    "undefined_atom_stereo_count",
    "bond_stereo_count",
    "defined_bond_stereo_count",
    "undefined_bond_stereo_count",
    "covalent_unit_count",
)
"""What every answer of the property table holds, as columns."""

FILE_COLUMNS = tuple(column for column in PROPERTY_COLUMNS if column != "title")
"""What PubChem's files of compounds hold; of titles and synonyms they say nothing."""

_COLUMNS = ("cid", *PROPERTY_COLUMNS, "synonyms", "extra", "fetched_at", "run_id")
_NEWER = "excluded.fetched_at > stored.fetched_at"


def _newer_wins(column: str) -> str:
    return f"{column} = CASE WHEN {_NEWER} THEN excluded.{column} ELSE stored.{column} END"


# Synonyms and extra properties are NULL where they were not asked for, and such an answer overwrites none.
# An older answer that was asked for them fills what the newer one was not, and changes nothing else. So it does
# with the title, of which PubChem's files say nothing.
_MERGE = f"""
INSERT INTO cryoasync.pubchem_compounds AS stored ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM {{staging}} ORDER BY cid
ON CONFLICT (cid) DO UPDATE SET
    {", ".join(map(_newer_wins, (*FILE_COLUMNS, "fetched_at", "run_id")))},
    title = CASE WHEN {_NEWER} THEN excluded.title ELSE coalesce(stored.title, excluded.title) END,
    synonyms = CASE
        WHEN {_NEWER} THEN coalesce(excluded.synonyms, stored.synonyms)
        ELSE coalesce(stored.synonyms, excluded.synonyms)
    END,
    extra = CASE
        WHEN excluded.extra IS NULL THEN stored.extra
        WHEN stored.extra IS NULL THEN excluded.extra
        WHEN {_NEWER} THEN stored.extra || excluded.extra
        ELSE excluded.extra || stored.extra
    END
WHERE {_NEWER}
    OR (stored.title IS NULL AND excluded.title IS NOT NULL)
    OR (stored.synonyms IS NULL AND excluded.synonyms IS NOT NULL)
    OR (stored.extra IS NULL AND excluded.extra IS NOT NULL)
    OR excluded.extra || stored.extra <> stored.extra
"""  # noqa: S608 - names of our own columns

PUBCHEM_COMPOUNDS = StagedTable(
    name="pubchem_compounds", columns=_COLUMNS, key=("cid",), merge=(_MERGE,), records_of="pubchem"
)

FRESH_COMPOUNDS = """
SELECT cid::text, fetched_at
FROM cryoasync.pubchem_compounds
WHERE cid = ANY ($1::text[]::bigint[])
    AND fetched_at >= $2
    AND (synonyms IS NOT NULL OR NOT $3)
    AND (title IS NOT NULL OR iupac_name IS NULL)
    AND (extra ?& $4::text[] OR $4::text[] = '{}')
"""
"""Which of the CIDs ``$1`` were fetched since ``$2``, with synonyms where ``$3`` and the further properties ``$4``:
text and time. PubChem gives a title to what it has a name for: a name alone comes from one of its files."""

KNOWN_SMILES = """
SELECT cid::text, smiles FROM cryoasync.pubchem_compounds WHERE cid = ANY ($1::text[]::bigint[]) AND smiles IS NOT NULL
"""
"""The SMILES of those of the CIDs ``$1`` that are in the table already: text and text."""
