"""The table ``unichem_links``: replaced as a whole, and the molecules that hang on it brought up to date."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryoasync.database.connection import Connection, Database
from cryoasync.database.molecules.identity import Record
from cryoasync.database.molecules.molecules import MOLECULES_LOCK, enter_records
from cryoasync.database.sql import rows_of

_LONGEST_STATEMENT_SECONDS = 3_600.0
_RECORDS_AT_A_TIME = 2_000

_BEGIN = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL jit = off"
_STAGE = "CREATE TEMP TABLE new_links (LIKE cryoasync.unichem_links) ON COMMIT DROP"
# Whoever enters records reads their links. Until the end of this transaction nobody does, so that each either was
# done before it, and is looked at again below, or sees the new links.
_LOCK = "SELECT pg_advisory_xact_lock($1)"
_ADD = """
INSERT INTO cryoasync.unichem_links SELECT DISTINCT chembl_id, cid FROM pg_temp.new_links ON CONFLICT DO NOTHING
"""
_REMOVE = """
DELETE FROM cryoasync.unichem_links AS old
WHERE NOT EXISTS (SELECT FROM pg_temp.new_links AS new WHERE new.chembl_id = old.chembl_id AND new.cid = old.cid)
"""
_WITHOUT_STRUCTURE = """
SELECT 'pubchem', cid::text FROM cryoasync.pubchem_compounds
WHERE cryoasync.standard_inchikey(inchikey) IS NULL
UNION ALL
SELECT 'chembl', chembl_id FROM cryoasync.chembl_molecules
WHERE cryoasync.standard_inchikey(standard_inchi_key) IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksReplaced:
    """How many links there are now, how many are new or gone, and how many records are another molecule for it."""

    links: int
    added: int
    removed: int
    records_moved: int


async def replace_links(database: Database, links: Iterable[tuple[str, int]]) -> LinksReplaced:
    """Put ``links`` in the place of all there are, and join or part the records without a structure.

    The links change in one transaction, the molecules in others after it: where those are cut off, the same call
    does the rest. Imports wait while the links change.

    Raises:
        DatabaseError: the links are as before, or all replaced.
    """
    async with database.transaction() as connection:
        added, removed, total = await _replace(connection, links)
    async with database.transaction() as connection:
        found = await connection.fetch(_WITHOUT_STRUCTURE, timeout=_LONGEST_STATEMENT_SECONDS)
    records = [Record(source, source_id) for source, source_id in found]
    moved = 0
    for start in range(0, len(records), _RECORDS_AT_A_TIME):
        async with database.transaction() as connection:
            moved += await enter_records(connection, records[start : start + _RECORDS_AT_A_TIME])
    return LinksReplaced(links=total, added=added, removed=removed, records_moved=moved)


async def _replace(connection: Connection, links: Iterable[tuple[str, int]]) -> tuple[int, int, int]:
    longest = _LONGEST_STATEMENT_SECONDS
    await connection.execute(_BEGIN)
    await connection.execute(_STAGE)
    await connection.copy_records_to_table("new_links", schema_name="pg_temp", records=links, timeout=longest)
    await connection.execute("ANALYZE pg_temp.new_links", timeout=longest)
    await connection.execute(_LOCK, MOLECULES_LOCK, timeout=longest)
    added = await connection.execute(_ADD, timeout=longest)
    removed = await connection.execute(_REMOVE, timeout=longest)
    total = await connection.fetchval("SELECT count(*) FROM cryoasync.unichem_links", timeout=longest)
    return rows_of(added), rows_of(removed), total
