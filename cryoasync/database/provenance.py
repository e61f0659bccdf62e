"""What the compounds here are from: how many of each source, when they were retrieved, and of which releases."""

from dataclasses import dataclass
from datetime import datetime

from cryoasync.database.connection import Connection
from cryoasync.database.exported_tables import OF_RUN

_PUBCHEM = """
SELECT count(*), min(fetched_at), max(fetched_at), '{}'::text[]
FROM cryoasync.pubchem_compounds
"""
_CHEMBL = """
SELECT count(*), min(fetched_at), max(fetched_at), coalesce(array_agg(DISTINCT chembl_release), '{}')
FROM cryoasync.chembl_molecules
"""
_RDKIT = """
SELECT count(*), min(computed_at), max(computed_at), coalesce(array_agg(DISTINCT rdkit_version), '{}')
FROM cryoasync.rdkit_descriptors
"""
_FILES = """
SELECT count(DISTINCT file), NULL::timestamptz, NULL::timestamptz, coalesce(array_agg(DISTINCT file), '{}')
FROM cryoasync.file_records
"""
_UNICHEM = """
SELECT count(*), NULL::timestamptz, NULL::timestamptz, '{}'::text[] FROM cryoasync.unichem_links
"""
_QUERIES = {
    "pubchem": (_PUBCHEM, f"('pubchem', cid::text) IN ({OF_RUN})"),
    "chembl": (_CHEMBL, f"('chembl', chembl_id) IN ({OF_RUN})"),
    "rdkit": (_RDKIT, f"(source, source_id) IN ({OF_RUN})"),
    "files": (_FILES, "run_id = $1"),
    "unichem": (_UNICHEM, "$1::bigint IS NULL"),
}
_IS_SIMULATED = "SELECT EXISTS (SELECT FROM cryoasync.origin WHERE kind = 'simulated')"
_DESCRIBES_CHEMBL = "SELECT EXISTS (SELECT FROM cryoasync.rdkit_descriptors WHERE source = 'chembl')"
_LONGEST_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What there is of one source.

    Attributes:
        source: ``pubchem``, ``chembl``, ``rdkit``, ``files`` or ``unichem``.
        records: how many; of files the number of files.
        first, last: when they were retrieved, where that is known.
        versions: ChEMBL's releases, RDKit's versions, the names of files.
    """

    source: str
    records: int
    first: datetime | None
    last: datetime | None
    versions: tuple[str, ...]


async def provenance_of(connection: Connection, source: str, run_id: int | None = None) -> Provenance | None:
    """Tell what there is of a source, or of it in a run; ``None`` where there is nothing."""
    query, of_run = _QUERIES[source]
    arguments = () if run_id is None else (run_id,)
    where = "" if run_id is None else f" WHERE {of_run}"
    (found,) = await connection.fetch(query + where, *arguments, timeout=_LONGEST_SECONDS)
    records, first, last, versions = found
    if not records:
        return None
    known = tuple(sorted(version for version in versions if version is not None))
    return Provenance(source=source, records=records, first=first, last=last, versions=known)


async def is_simulated(connection: Connection) -> bool:
    """Whether the compounds here are a simulator's."""
    simulated: bool = await connection.fetchval(_IS_SIMULATED)
    return simulated


async def holds_descriptors_of_chembl(connection: Connection) -> bool:
    """Whether anything was computed from a structure of ChEMBL."""
    holds: bool = await connection.fetchval(_DESCRIBES_CHEMBL)
    return holds


def known_sources() -> tuple[str, ...]:
    """Return the sources, in the order in which they are told."""
    return tuple(_QUERIES)
