"""What came of a commit without an answer is found out, or it is said that nobody knows."""

import asyncio

import pytest

from cryoasync.database.bulk.exact_transaction import ExactTransactions
from cryoasync.database.connection import Database
from cryoasync.errors import CommitUnknownError
from tests.conftest import Fetch
from tests.integration.database.builders import operator_of

NUMBER = "SELECT pg_current_xact_id()::text"
FUTURE = str(2**40 + 12345)


def transactions(database: Database) -> ExactTransactions:
    """Those of an operator."""
    return operator_of(database)._transactions


async def test_a_transaction_at_work_is_waited_for(database: Database) -> None:
    """Its process may be about to commit it, though nobody listens any more."""
    asking = transactions(database)
    async with database.transaction() as connection:
        number = await connection.fetchval(NUMBER)
        answer = asyncio.create_task(asking._is_committed(number, asyncio.get_running_loop().time() + 30))
        while await asking._status(number) != "in progress":  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0)
        assert not answer.done()
    assert await answer


async def test_one_that_was_rolled_back_is_none(database: Database) -> None:
    async with database.session() as connection:
        transaction = connection.transaction()
        await transaction.start()
        number = await connection.fetchval(NUMBER)
        await transaction.rollback()
    assert not await transactions(database)._is_committed(number, 0.0)


async def test_one_that_the_server_has_never_seen_is_none(database: Database) -> None:
    """After a failover another server answers, which may not have got it."""
    assert not await transactions(database)._is_committed(FUTURE, 0.0)


async def test_without_an_answer_in_time_nobody_knows(database: Database, fetch: Fetch) -> None:
    """And that is said, instead of writing again."""
    async with database.transaction() as connection:
        number = await connection.fetchval(NUMBER)
        with pytest.raises(CommitUnknownError, match="lost during a commit"):
            await transactions(database)._is_committed(number, 0.0)
