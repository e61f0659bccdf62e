"""All that the database knows of one compound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.reading import reading
from cryoasync.database.sql import statement

_ROWS = {
    "pubchem": "SELECT * FROM cryoasync.pubchem_compounds WHERE cid = $1::text::bigint",
    "chembl": "SELECT * FROM cryoasync.chembl_molecules WHERE chembl_id = $1",
    "files": """
        SELECT * FROM cryoasync.file_records
        WHERE file = regexp_replace($1, '#[0-9]+$', '') AND record = substring($1 FROM '[0-9]+$')::bigint
    """,
}
# What a file says of its structures may stand anywhere in it, and need not be right: RDKit's key is asked for.
_WITH_INCHIKEY = """
(
    SELECT source, source_id
    FROM cryoasync.molecule_sources
    WHERE molecule_id = (SELECT id FROM cryoasync.molecules WHERE inchikey = $1)
    ORDER BY cryoasync.record_place(source, source_id)
)
UNION ALL
(
    SELECT source, source_id
    FROM cryoasync.rdkit_descriptors
    WHERE source = 'files' AND inchikey = $1
    ORDER BY source_id
)
"""
_DESCRIPTORS = "SELECT * FROM cryoasync.rdkit_descriptors WHERE source = $1 AND source_id = $2"
_FAILURES = """
SELECT run_id, kind, message, attempts, first_seen, last_seen, resolved_at
FROM cryoasync.failures
WHERE source IN ($1, 'files') AND source_id = $2
ORDER BY first_seen, run_id, kind
"""
_ENTRIES = statement("entries_of_compound")
_REQUESTS = statement("requests_for_entries")

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundHistory:
    """What was recorded of one compound, each part as columns and values.

    Attributes:
        source_id: the compound's id in its source.
        row: of ``pubchem_compounds``, ``chembl_molecules`` or ``file_records``; ``None`` where it was never imported.
        descriptors: of ``rdkit_descriptors``; ``None`` where RDKit computed nothing.
        entries: its entry in each run that was asked for it, the oldest first.
        requests: those that asked for it, as far as they are still kept. ``certain`` tells those that asked
            for every entry of their span from those that may have left this one out.
        failures: those that were recorded, also the ones resolved since.
    """

    source_id: str
    row: Record | None
    descriptors: Record | None
    entries: tuple[Record, ...]
    requests: tuple[Record, ...]
    failures: tuple[Record, ...]

    @property
    def is_known(self) -> bool:
        """Whether any run ever asked for it, or left something of it."""
        return bool(self.entries or self.failures or self.row or self.descriptors)


async def ids_with_inchikey(database: Database, inchikey: str) -> list[tuple[str, str]]:
    """Return source and id of the compounds that have an InChIKey, those of PubChem first."""
    async with reading(database) as connection:
        records = await connection.fetch(_WITH_INCHIKEY, inchikey)
    return [(record["source"], record["source_id"]) for record in records]


async def compound_history(database: Database, source: str, source_id: str) -> CompoundHistory:
    """Read the history of a compound; of one never asked for, every part is empty.

    The history of one of PubChem's is also what runs over its own files did with it.

    No index leads from a compound to its entries, because it would slow every import down for the sake of
    this one question: the entries of all runs are read through, some seconds for ten million.
    """
    async with reading(database) as connection:
        row = await connection.fetchrow(_ROWS[source], source_id)
        descriptors = await connection.fetchrow(_DESCRIPTORS, source, source_id)
        entries = await connection.fetch(_ENTRIES, source, source_id)
        requests = await connection.fetch(
            _REQUESTS,
            [entry["run_id"] for entry in entries],
            [entry["position"] for entry in entries],
            source_id,
        )
        failures = await connection.fetch(_FAILURES, source, source_id)
    return CompoundHistory(
        source_id=source_id,
        row=None if row is None else dict(row),
        descriptors=None if descriptors is None else dict(descriptors),
        entries=tuple(map(dict, entries)),
        requests=tuple(map(dict, requests)),
        failures=tuple(map(dict, failures)),
    )
