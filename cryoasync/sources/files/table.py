"""Where the records of files go: ``file_records``, PubChem's own and ChEMBL's into the tables of their sources."""

from cryoasync.models import StagedTable
from cryoasync.sources.chembl.table import IS_ANSWER
from cryoasync.sources.pubchem.table import FILE_COLUMNS

_KEY = ("file", "record")
_VALUES = ("source_id", "smiles", "molfile", "fields")
_COLUMNS = (*_KEY, *_VALUES, "run_id")

# What was computed of another structure at the same place must not outlive it, whatever this run computes.
_FORGET_DESCRIPTORS = """
DELETE FROM cryoasync.rdkit_descriptors AS computed
USING {staging}
JOIN cryoasync.file_records AS stored USING (file, record)
WHERE computed.source = 'files'
    AND computed.source_id = file || '#' || record
    AND (stored.smiles, stored.molfile) IS DISTINCT FROM (staging.smiles, staging.molfile)
"""
# A record that is still the same is left alone, the run that first read it included.
_MERGE = f"""
INSERT INTO cryoasync.file_records AS stored ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM {{staging}} ORDER BY file, record
ON CONFLICT (file, record) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in (*_VALUES, "run_id"))}
WHERE ({", ".join(f"stored.{column}" for column in _VALUES)})
    IS DISTINCT FROM ({", ".join(f"excluded.{column}" for column in _VALUES)})
"""  # noqa: S608 - names of our own columns

FILE_RECORDS = StagedTable(
    name="file_records", columns=_COLUMNS, key=_KEY, merge=(_FORGET_DESCRIPTORS, _MERGE)
)

_DUMP_COLUMNS = ("cid", *FILE_COLUMNS, "fetched_at", "run_id")

# One batch may hold a compound from an older and from a newer file; whichever is younger than the row replaces it.
_DUMP_MERGE = f"""
INSERT INTO cryoasync.pubchem_compounds AS stored ({", ".join(_DUMP_COLUMNS)})
SELECT DISTINCT ON (cid) {", ".join(_DUMP_COLUMNS)} FROM {{staging}} ORDER BY cid, fetched_at DESC
ON CONFLICT (cid) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in _DUMP_COLUMNS[1:])}
WHERE excluded.fetched_at > stored.fetched_at
"""  # noqa: S608 - names of our own columns

DUMPED_COMPOUNDS = StagedTable(
    name="pubchem_compounds",
    columns=_DUMP_COLUMNS,
    key=("cid", "fetched_at"),
    merge=(_DUMP_MERGE,),
    records_of="pubchem",
)

CHEMBL_VALUES = ("pref_name", "canonical_smiles", "standard_inchi", "standard_inchi_key", "extra")
_CHEMBL_COLUMNS = ("chembl_id", *CHEMBL_VALUES, "fetched_at", "run_id")


def _latest(column: str) -> str:
    return (
        f"(array_agg({column} ORDER BY fetched_at DESC) FILTER (WHERE {column} IS NOT NULL))[1] AS {column}"
    )


def _filled(column: str) -> str:
    return (
        f"CASE WHEN excluded.fetched_at > stored.fetched_at THEN coalesce(excluded.{column}, stored.{column})"
        f" ELSE coalesce(stored.{column}, excluded.{column}) END"
    )


# ChEMBL's SDF has the molfile, its table of representations the rest: each fills what the other lacks, and a younger
# one replaces an older. What ChEMBL itself answered is whole and of one release, and left alone.
_CHEMBL_MERGE = f"""
INSERT INTO cryoasync.chembl_molecules AS stored ({", ".join(_CHEMBL_COLUMNS)})
SELECT chembl_id, {", ".join(map(_latest, CHEMBL_VALUES))}, max(fetched_at), max(run_id)
FROM {{staging}} GROUP BY chembl_id ORDER BY chembl_id
ON CONFLICT (chembl_id) DO UPDATE SET
    {", ".join(f"{column} = {_filled(column)}" for column in CHEMBL_VALUES)},
    fetched_at = greatest(stored.fetched_at, excluded.fetched_at),
    run_id = excluded.run_id
WHERE NOT {IS_ANSWER.format(row="stored")} AND (
    excluded.fetched_at > stored.fetched_at
    OR ({", ".join(map(_filled, CHEMBL_VALUES))})
        IS DISTINCT FROM ({", ".join(f"stored.{column}" for column in CHEMBL_VALUES)})
)
"""  # noqa: S608 - names of our own columns

DUMPED_MOLECULES = StagedTable(
    name="chembl_molecules",
    columns=_CHEMBL_COLUMNS,
    # One batch may hold a molecule of both files.
    key=("chembl_id", "fetched_at", "canonical_smiles"),
    merge=(_CHEMBL_MERGE,),
    records_of="chembl",
)
