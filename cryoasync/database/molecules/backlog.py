"""Enters the records that are older than the table ``molecules``, after the migration that made it."""

from cryoasync.database.connection import Connection, Database
from cryoasync.database.molecules.identity import Record
from cryoasync.database.molecules.molecules import enter_records

_RECORDS_AT_A_TIME = 2_000

_NEXT_SOURCE = "SELECT source, after FROM cryoasync.molecule_backlog ORDER BY source LIMIT 1"
# The rows are locked against imports that write the same ones, as these lock them against each other.
_NEXT_IDS = {
    "pubchem": """
SELECT c.cid::text FROM cryoasync.pubchem_compounds AS c WHERE c.cid > $1::text::bigint
ORDER BY c.cid LIMIT $2 FOR UPDATE
""",
    "chembl": """
SELECT chembl_id FROM cryoasync.chembl_molecules WHERE chembl_id > $1 ORDER BY chembl_id LIMIT $2 FOR UPDATE
""",
}
_MOVE_ON = "UPDATE cryoasync.molecule_backlog SET after = $2 WHERE source = $1"
_END = "DELETE FROM cryoasync.molecule_backlog WHERE source = $1"


async def enter_backlog(database: Database) -> int:
    """Enter what is left of the backlog, some thousand records a transaction; return how many there were.

    Several processes may do this at once; they take turns. With nothing to do it costs one query.

    Raises:
        DatabaseError: what was entered before it stays so.
    """
    entered = 0
    while (page := await _enter_page(database)) is not None:
        entered += page
    return entered


async def _enter_page(database: Database) -> int | None:
    """Enter one page, and return its length; ``None`` where there is no backlog."""
    async with database.transaction() as connection:
        if await connection.fetchrow(_NEXT_SOURCE) is None:
            return None
        turn = await connection.fetchrow(f"{_NEXT_SOURCE} FOR UPDATE")
        return 0 if turn is None else await _enter_ids(connection, *turn)


async def _enter_ids(connection: Connection, source: str, after: str) -> int:
    ids = [record[0] for record in await connection.fetch(_NEXT_IDS[source], after, _RECORDS_AT_A_TIME)]
    if not ids:
        await connection.execute(_END, source)
        return 0
    await enter_records(connection, [Record(source, source_id) for source_id in ids])
    await connection.execute(_MOVE_ON, source, ids[-1])
    return len(ids)
