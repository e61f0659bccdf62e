"""Caches as CryoProtect's importer wrote them."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

ASPIRIN = {
    "CID": "2244",
    "Molecular Formula": "C9H8O4",
    "Molecular Weight": "180.16",
    "LogP": 1.2,
    "TPSA": 63.6,
    "H-Bond Donors": 1,
    "H-Bond Acceptors": 4,
    "SMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
    "InChI": "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)",
    "InChIKey": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
    "IUPACName": "2-acetyloxybenzoic acid",
    "Title": "Aspirin",
    "PubChem Link": "https://pubchem.ncbi.nlm.nih.gov/compound/2244",
}
"""What its client kept of an answer."""

MARCH = 1_741_000_000
"""A moment in 2025."""


def written_cache(path: Path, *entries: tuple[int, Mapping[str, Any] | str, Any, str]) -> Path:
    """Write a cache of entries: CID, data, time, source."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(
            "CREATE TABLE compound_cache (cid INTEGER PRIMARY KEY, data TEXT NOT NULL, last_updated INTEGER NOT NULL,"
            " last_accessed INTEGER NOT NULL, source TEXT NOT NULL)"
        )
        connection.executemany(
            "INSERT INTO compound_cache VALUES (?, ?, ?, 0, ?)",
            [
                (cid, data if isinstance(data, str) else json.dumps(data), time, source)
                for cid, data, time, source in entries
            ],
        )
    return path
