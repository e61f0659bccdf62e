"""An operator whose server is in trouble, or troubles others, tries again within its bound and takes smaller steps."""

import asyncio

import pytest

from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator, BatchLimits
from cryoasync.database.bulk.batch_transaction import BatchTransaction
from cryoasync.database.connection import Database
from cryoasync.errors import DatabaseError, DatabaseUnavailableError
from tests.conftest import Fetch

CONFLICTS = ("40001", "40P01", "55P03", "57014")
OUTAGES = ("08006", "25006", "53300", "57P01", "57P03")
WAITS = "SELECT FROM pg_locks WHERE NOT granted AND waitstart < clock_timestamp() - interval '0.11 s'"
OTHERS = ("42501", "42703", "XX000")


def failing(sqlstate: str) -> str:
    """A statement that fails with that code."""
    return f"DO $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{sqlstate}'; END $$"


async def write(database: Database, operator: BatchDatabaseOperator, troubles: list[str]) -> None:
    """Insert a row after what else there is to do, once an attempt for each trouble has failed."""

    async def work(transaction: BatchTransaction) -> None:
        await transaction.connection.execute("INSERT INTO lab VALUES (1)")
        if troubles:
            await transaction.connection.execute(failing(troubles.pop(0)))

    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS lab (number int)")
    await operator.transact(work)


@pytest.mark.parametrize("sqlstate", [*CONFLICTS, *OUTAGES])
async def test_what_waiting_can_mend_is_tried_again(database: Database, fetch: Fetch, sqlstate: str) -> None:
    """The row is there once; only after a conflict the next batches are smaller."""
    operator = BatchDatabaseOperator(database)
    await write(database, operator, [sqlstate])
    assert await fetch("SELECT * FROM lab") == [(1,)]
    stats = operator.get_stats()
    assert (stats.retries, stats.batches) == (1, 1)
    assert stats.batch_rows == pytest.approx(500 if sqlstate in CONFLICTS else 1000)


@pytest.mark.parametrize("sqlstate", OTHERS)
async def test_anything_else_is_an_error_at_once(database: Database, fetch: Fetch, sqlstate: str) -> None:
    """Nothing is written."""
    operator = BatchDatabaseOperator(database)
    with pytest.raises(DatabaseError) as caught:
        await write(database, operator, [sqlstate])
    assert not isinstance(caught.value, DatabaseUnavailableError)
    assert operator.get_stats().retries == 0
    assert await fetch("SELECT * FROM lab") == []


async def test_trying_again_is_bounded(database: Database) -> None:
    """However the kinds of trouble follow one another."""
    operator = BatchDatabaseOperator(database, BatchLimits(retry_seconds=0.3))
    with pytest.raises(DatabaseUnavailableError, match="trouble"):
        await write(database, operator, [*CONFLICTS, *OUTAGES] * 100)
    assert operator.get_stats().retries > 0


async def test_batches_become_smaller_when_somebody_waits_for_their_locks(
    database: Database, fetch: Fetch
) -> None:
    """Seen from inside the transaction, right before its commit."""
    await fetch("CREATE TABLE lab (number int PRIMARY KEY)")
    await fetch("INSERT INTO lab VALUES (1)")
    operator = BatchDatabaseOperator(database)

    async def work(transaction: BatchTransaction) -> "asyncio.Future[object]":
        await transaction.connection.execute("UPDATE lab SET number = 1")
        waiting: asyncio.Future[object] = asyncio.ensure_future(fetch("UPDATE lab SET number = 2"))
        while not await fetch(WAITS):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        return waiting

    await (await operator.transact(work))
    assert operator.optimize_batch_size() == pytest.approx(500)
    await operator.transact(lambda transaction: transaction.connection.execute("SELECT"))
    assert operator.optimize_batch_size() == pytest.approx(500)
