"""The table ``file_records``: its columns and how the records of a file are merged."""

from cryoasync.models import StagedTable

_KEY = ("file", "record")
_VALUES = ("source_id", "smiles", "molfile", "fields")
_COLUMNS = (*_KEY, *_VALUES, "run_id")

# A record that is still the same is left alone, the run that first read it included.
_MERGE = f"""
INSERT INTO cryoasync.file_records AS stored ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM {{staging}} ORDER BY file, record
ON CONFLICT (file, record) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in (*_VALUES, "run_id"))}
WHERE ({", ".join(f"stored.{column}" for column in _VALUES)})
    IS DISTINCT FROM ({", ".join(f"excluded.{column}" for column in _VALUES)})
"""  # noqa: S608 - names of our own columns

FILE_RECORDS = StagedTable(name="file_records", columns=_COLUMNS, key=_KEY, merge=(_MERGE,))
