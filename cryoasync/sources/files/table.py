"""Where the records of files go: ``file_records``, and PubChem's own into ``pubchem_compounds``."""

from cryoasync.models import StagedTable
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
