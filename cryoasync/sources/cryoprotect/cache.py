"""The SQLite cache of CryoProtect's importer: ``compound_cache(cid, data, last_updated, last_accessed, source)``."""

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from cryoasync.errors import InputError
from cryoasync.models import Row, StagedTable
from cryoasync.sources.pubchem.records import read_property_row
from cryoasync.sources.pubchem.table import PROPERTY_COLUMNS

SQLITE_MAGIC = b"SQLite format 3\x00"
NO_RUN = 0
"""The run of rows that no run of ours brought."""

_COLUMNS = ("cid", *PROPERTY_COLUMNS, "synonyms", "fetched_at", "run_id")
# A row that is here knows more: the old importer asked for a third of the properties.
_MERGE = f"""
INSERT INTO cryoasync.pubchem_compounds ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM {{staging}} ORDER BY cid
ON CONFLICT (cid) DO NOTHING
"""  # noqa: S608 - names of our own columns
ADOPTED_COMPOUNDS = StagedTable(
    name="pubchem_compounds", columns=_COLUMNS, key=("cid",), merge=(_MERGE,), records_of="pubchem"
)

# The importer's names for PubChem's properties, in its several versions. Its ``name`` may be a title or any of the
# computed names, and its ``smiles`` either kind of SMILES, so that neither is taken.
_NAMES = {
    "Molecular Formula": "MolecularFormula",
    "molecular_formula": "MolecularFormula",
    "Molecular Weight": "MolecularWeight",
    "LogP": "XLogP",
    "H-Bond Donors": "HBondDonorCount",
    "H-Bond Acceptors": "HBondAcceptorCount",
    "inchi": "InChI",
    "inchi_key": "InChIKey",
}
_ITS_OWN = frozenset(
    {"CID", "Error", "PubChem Link", "id", "name", "smiles", "synonyms", "props", "molecular_weight"}
)
_SYNONYMS = ("synonyms", "Synonyms")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAdopted:
    """An answer that is left out, and why."""

    cid: int
    reason: str


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as SQLite's do.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def read_cache(path: Path) -> Generator[Row | NotAdopted, None, None]:
    """Yield the answers of a cache as rows of ``pubchem_compounds``, in the order of the CIDs; nothing is changed.

    Each has the time at which PubChem gave it. What the importer computed, or noted as an error, is no answer.

    Raises:
        InputError: it is no such cache, or it is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            query = "SELECT cid, data, last_updated, source FROM compound_cache ORDER BY cid"
            for cid, data, last_updated, source in connection.execute(query):
                yield _adopted(int(cid), data, last_updated, source)
    except sqlite3.Error as error:
        raise InputError(
            f"{path} cannot be read as the cache of CryoProtect's importer: {error}.",
            hint="It has a table compound_cache (cid, data, last_updated, last_accessed, source).",
        ) from error


def _adopted(cid: int, data: str, last_updated: Any, source: str) -> Row | NotAdopted:
    if source.lower() != "pubchem":
        return NotAdopted(cid=cid, reason=f"from {source}, not from PubChem")
    try:
        answer = msgspec.json.decode(data, type=dict[str, Any])
        fetched_at = _time(last_updated)
        if answer.get("Error"):
            return NotAdopted(cid=cid, reason=f"an error: {answer['Error']}")
        compound = read_property_row(msgspec.json.encode({"CID": cid, **_properties(answer)}), ())
    except (ValueError, OverflowError) as error:
        return NotAdopted(cid=cid, reason=f"it cannot be read: {error}")
    if compound is None:
        return NotAdopted(cid=cid, reason="it says nothing")
    values = (cid, *compound.values, _synonyms(answer), fetched_at, NO_RUN)
    return Row(table=ADOPTED_COMPOUNDS, source_id=str(cid), values=values)


def _properties(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what PubChem said under its own names; empty text is how the importer writes what it did not get."""
    return {
        _NAMES.get(name, name): value
        for name, value in answer.items()
        if name not in _ITS_OWN and isinstance(value, str | int | float) and value != ""
    }


def _synonyms(answer: Mapping[str, Any]) -> list[str] | None:
    """Return the synonyms; an empty list is also what the importer writes when it could not ask."""
    found = next((answer[name] for name in _SYNONYMS if isinstance(answer.get(name), list)), None)
    return [str(synonym) for synonym in found] if found else None


def _time(value: Any) -> datetime:
    """Read seconds since 1970, or ISO 8601; without a zone it is UTC."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
