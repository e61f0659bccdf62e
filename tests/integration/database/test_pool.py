"""The pool on a real server: its size, its bounds, and what a server that ends sessions does to it."""

import asyncio

import pytest

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.pool.member import PoolLimits
from cryoasync.database.pool.queue import Priority
from tests.servers import running_server

HOLDING = "SELECT pg_sleep(0.3)"


async def hold(database: Database, times: int) -> None:
    """Hold a connection, several times."""
    for _ in range(times):
        async with database.transaction() as connection:
            await connection.execute(HOLDING)


@pytest.mark.direct
async def test_it_grows_from_two_to_ten_and_back_by_load_alone(dsn: str) -> None:
    """As the server counts the connections."""
    limits = PoolLimits(minimum=2, maximum=10, idle_seconds=1.0)
    async with (
        open_database(DatabaseSettings(dsn=dsn)) as onlooker,
        open_database(DatabaseSettings(dsn=dsn, pool=limits)) as database,
    ):

        async def connections() -> int:
            async with onlooker.transaction() as session:
                found: int = await session.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                )
            return found - onlooker.pool.get_stats().size

        while await connections() != 2:
            pass
        async with asyncio.TaskGroup() as load:
            for _ in range(20):
                load.create_task(hold(database, 5))
            while await connections() != 10:
                pass
        while await connections() != 2:
            pass
        assert database.pool.get_stats().size == 2


async def test_a_commit_overtakes_the_readers(database: Database) -> None:
    """With all connections in use and many waiting, the commit that comes last goes first."""
    order: list[str] = []

    async def use(name: str, priority: Priority) -> None:
        # Beginning a transaction takes each its own time.
        async with database.pool.get_connection(priority, keeps_session=True):
            order.append(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(hold(database, 1))
        while database.pool.get_stats().in_use < 10:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0)
        for number in range(5):
            group.create_task(use(f"reader {number}", Priority.STATUS))
        await asyncio.sleep(0)
        group.create_task(use("commit", Priority.COMMIT))
    assert order[0] == "commit"


async def test_it_stays_below_what_the_server_can_give() -> None:
    """Three are kept for the server's owner, and one role may be given fewer than the others."""
    async with running_server(settings={"max_connections": "9"}) as server:
        await server.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 4")
        for user, most in (("owner", 6), ("few", 4)):
            async with open_database(DatabaseSettings(dsn=server.dsn(user=user))) as database:
                await asyncio.gather(*(hold(database, 2) for _ in range(20)))
                stats = database.pool.get_stats()
                assert (stats.maximum, stats.size, stats.history.failed_openings) == (most, most, 0)
