"""Rows that another importer left behind, and which of its compounds are here."""

from collections.abc import Sequence

from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator
from cryoasync.database.bulk.batch_transaction import BatchTransaction, Merged
from cryoasync.database.connection import Database
from cryoasync.database.molecules.molecules import enter_records, records_of_molecules
from cryoasync.models import Row

_HERE = "SELECT cid FROM cryoasync.pubchem_compounds WHERE cid = ANY ($1::bigint[])"
_CIDS_AT_A_TIME = 10_000


async def adopt_rows(operator: BatchDatabaseOperator, rows: Sequence[Row]) -> Merged:
    """Write rows of one table and their molecules in a transaction.

    Raises:
        DatabaseError: nothing of them is written.
    """

    async def work(transaction: BatchTransaction) -> Merged:
        merged = await transaction.merge(rows[0].table, [row.values for row in rows])
        await enter_records(transaction.connection, records_of_molecules(rows))
        return merged

    return await operator.transact(work, is_repeatable=True)


async def cids_here(database: Database, cids: Sequence[int]) -> set[int]:
    """Return those of ``cids`` that have a row."""
    here: set[int] = set()
    for start in range(0, len(cids), _CIDS_AT_A_TIME):
        async with database.transaction() as connection:
            found = await connection.fetch(_HERE, cids[start : start + _CIDS_AT_A_TIME])
        here.update(record[0] for record in found)
    return here
