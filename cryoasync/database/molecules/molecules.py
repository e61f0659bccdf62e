"""The table ``molecules``: which records of the sources are one molecule, and what its row says.

Both follow from what the tables of the sources and the links hold, never from the order in which that came.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from cryoasync.database.connection import Connection
from cryoasync.database.molecules.identity import Record, molecule_id
from cryoasync.database.sql import statement
from cryoasync.models import Row

# "molecule" in ASCII. Shared by whoever enters records, exclusive for whoever changes the links: see the latter.
MOLECULES_LOCK = int.from_bytes(b"molecule")

# A plan is kept while the tables grow a thousandfold, and must not be one that reads the whole of them. What is
# forbidden counts as dear up to PostgreSQL 17, and what is dear would be compiled.
_BEGIN = """
SELECT pg_advisory_xact_lock_shared($1),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true),
       EXISTS (SELECT FROM cryoasync.unichem_links) AS has_links
"""
_RECORDS = statement("molecule_records")
_LOCK_LINKS = statement("lock_links")
_LINKED_RECORDS = statement("linked_molecule_records")
_PLACE = statement("place_records")
_LOCK_MOLECULES = "SELECT FROM cryoasync.molecules WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"
_ENTER = statement("enter_molecules")
_REFRESH = statement("refresh_molecules")
_REDIRECT = statement("redirect_molecules")


class _Placing(NamedTuple):
    """Which molecule a record is, and which one it was; ``before`` is ``None`` for a record that is new."""

    record: Record
    molecule: UUID
    before: UUID | None


def records_of_molecules(rows: Iterable[Row]) -> set[Record]:
    """Return the records that ``rows`` are, of those whose tables hold records of molecules."""
    return {
        Record(row.table.records_of, str(row.values[row.table.columns.index(row.table.key[0])]))
        for row in rows
        if row.table.records_of is not None
    }


async def enter_records(connection: Connection, records: Collection[Record]) -> int:
    """Bring the molecules of ``records`` up to date, in the transaction that wrote these.

    Returns how many records, of those and of those linked with them, were another molecule before.

    A number of statements that does not grow with the records; where nothing changes, nothing is rewritten.
    Several processes may do this at once: whoever comes second waits, and then sees what the first one wrote.
    A record that is not in its source's table is passed over.

    Raises:
        asyncpg.PostgresError: the transaction is lost.
    """
    if not records:
        return 0
    (begun,) = await connection.fetch(_BEGIN, MOLECULES_LOCK)
    placings = await _placings(connection, records, has_links=begun["has_links"])
    moved = [placing for placing in placings if placing.before != placing.molecule]
    if moved:
        await connection.execute(
            _PLACE, *_columns(placing.record for placing in moved), [placing.molecule for placing in moved]
        )
    # Of several molecules that one gives way to, that of its first record.
    given_way = {
        placing.before: placing.molecule
        for placing in sorted(moved, key=lambda placing: _place(placing.record), reverse=True)
        if placing.before is not None
    }
    await _write_molecules(connection, {placing.molecule for placing in placings}, given_way)
    return sum(placing.before is not None for placing in moved)


async def _placings(
    connection: Connection, records: Collection[Record], *, has_links: bool
) -> Sequence[_Placing]:
    wanted = _columns(sorted(records))
    if has_links:
        await connection.execute(_LOCK_LINKS, *wanted)
    placed = {}
    found = await connection.fetch(_RECORDS, *wanted)
    for source, source_id, inchikey, before in found:
        record = Record(source, source_id)
        placed[record] = _Placing(record=record, molecule=molecule_id(record, inchikey), before=before)
    if has_links:
        touched = [[entry[column] for entry in found] for column in ("source", "source_id")]
        has_structure = [entry["inchikey"] is not None for entry in found]
        linked = await connection.fetch(_LINKED_RECORDS, *touched, has_structure)
        for source, source_id, elected_source, elected_id, inchikey, before in linked:
            record = Record(source, source_id)
            molecule = molecule_id(Record(elected_source, elected_id), inchikey)
            placed[record] = _Placing(record=record, molecule=molecule, before=before)
    return tuple(placed.values())


async def _write_molecules(
    connection: Connection, molecules: set[UUID], given_way: Mapping[UUID, UUID]
) -> None:
    if given_way:
        await connection.execute(_LOCK_MOLECULES, list(molecules | given_way.keys()))
    entered = {entry[0] for entry in await connection.fetch(_ENTER, list(molecules))}
    # A statement of its own, which sees what others have committed while this one waited for them.
    if known := (molecules | given_way.keys()) - entered:
        await connection.execute(_REFRESH, list(known))
    if given_way:
        await connection.execute(_REDIRECT, list(given_way), list(given_way.values()))


def _place(record: Record) -> tuple[bool, int, str]:
    """Return what the records of one molecule are ordered by: PubChem's first, and the lowest number."""
    return record.source != "pubchem", len(record.source_id), record.source_id


def _columns(records: Iterable[Record]) -> tuple[list[str], list[str]]:
    columns: tuple[list[str], list[str]] = ([], [])
    for record in records:
        columns[0].append(record.source)
        columns[1].append(record.source_id)
    return columns
