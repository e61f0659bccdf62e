"""A pool of connections on virtual time: its size, its order, its patience, and who has what."""

import asyncio
import random
from typing import cast

import asyncpg
import pytest
from structlog.testing import capture_logs

from cryoasync.database.pool.connection_pool import AcquireTimeoutError, IntelligentConnectionPool
from cryoasync.database.pool.member import PooledConnection
from cryoasync.database.pool.queue import Priority
from cryoasync.database.pool.statistics import Closing
from tests.unit.database.pool.fake_connections import FakeConnection, FakeServer
from tests.unit.virtual_time import now, on_virtual_time


async def hold(pool: IntelligentConnectionPool, seconds: float, priority: Priority = Priority.WORK) -> None:
    """Have a connection for a time."""
    async with pool.get_connection(priority):
        await asyncio.sleep(seconds)


@on_virtual_time
async def test_it_grows_to_its_maximum_and_back_by_load_alone() -> None:
    """Two connections become ten for fifty who want one for half a second, and two again a minute later."""
    async with FakeServer().pool(minimum=2, maximum=10) as pool:
        await asyncio.sleep(1.0)
        assert pool.get_stats().size == 2
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(hold(pool, 0.5))
            await asyncio.sleep(0.3)
            assert pool.get_stats().size == 10
        assert now() <= 4.5
        await asyncio.sleep(30.0)
        assert pool.get_stats().size == 10
        await asyncio.sleep(100.0)
        stats = pool.get_stats()
        assert (stats.size, stats.history.closed) == (2, {Closing.SURPLUS: 8})


@on_virtual_time
async def test_it_does_not_grow_for_those_whom_a_returned_connection_serves_sooner() -> None:
    """A hundred short uses fit one after the other into the time that opening another connection would take."""
    async with FakeServer().pool(minimum=1, maximum=10) as pool:
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(hold(pool, 0.001))
        assert pool.get_stats().history.opened == 1


@on_virtual_time
async def test_a_wave_every_half_minute_keeps_its_connections() -> None:
    """Load that comes again before the quiet time is over finds the pool as large as it left it."""
    async with FakeServer().pool(idle_seconds=60.0) as pool:
        for _ in range(10):
            await asyncio.gather(*(hold(pool, 1.0) for _ in range(6)))
            await asyncio.sleep(29.0)
        assert pool.get_stats().history.opened <= 6


@on_virtual_time
async def test_who_is_urgent_overtakes_and_nobody_starves() -> None:
    """A commit goes before what asked earlier, but not before a status that has waited its five seconds."""
    order: list[str] = []

    async def take(name: str, priority: Priority) -> None:
        async with pool.get_connection(priority):
            order.append(name)
            await asyncio.sleep(1.0)

    async with FakeServer().pool(minimum=1, maximum=1) as pool, asyncio.TaskGroup() as group:
        group.create_task(take("first", Priority.WORK))
        for moment, name, priority in [
            (0.1, "status", Priority.STATUS),
            (0.2, "work", Priority.WORK),
            (0.3, "commit", Priority.COMMIT),
            *[(0.9 + number, f"commit {number}", Priority.COMMIT) for number in range(9)],
        ]:
            asyncio.get_running_loop().call_at(
                now() + moment, lambda *args: group.create_task(take(*args)), name, priority
            )
        await asyncio.sleep(9.5)
    assert order[:4] == ["first", "commit", "commit 0", "work"]
    assert order[order.index("status") - 1] == "commit 4"


@on_virtual_time
async def test_waiting_always_ends() -> None:
    """By the limit of the pool, or by one's own; nothing is left behind, and the connection serves the next."""
    async with FakeServer().pool(minimum=1, maximum=1, acquire_seconds=30.0) as pool:
        connection = await pool.get_connection()
        began_at = now()
        with pytest.raises(AcquireTimeoutError, match="within 30 s"):
            await pool.get_connection()
        with pytest.raises(AcquireTimeoutError):
            await pool.get_connection(timeout=2.0)
        assert now() == began_at + 32.0
        await pool.release_connection(connection)
        async with pool.get_connection():
            stats = pool.get_stats()
        assert (stats.history.timeouts, stats.waiting, stats.in_use) == (2, 0, 1)


@on_virtual_time
async def test_every_leak_is_named() -> None:
    """By task and line of code: in the statistics and the log while it lasts, and in the log at the end."""

    async def forgetful() -> None:
        leaked.append(await pool.get_connection())

    leaked: list[PooledConnection] = []
    with capture_logs() as log:
        async with FakeServer().pool(leak_after_seconds=60.0) as pool:
            for name in ("north", "south"):
                await asyncio.create_task(forgetful(), name=name)
            async with pool.get_connection(is_lasting=True):
                await asyncio.sleep(61.5)
                named = [leak.name for leak in pool.get_stats().leaks]
                assert len(pool.get_stats().holders) == 3
    for number, name in enumerate(("north", "south")):
        assert named[number].startswith(f"{__name__}.{forgetful.__qualname__}:")
        assert named[number].endswith(f" in {name}")
    assert [(entry["event"], entry["holder"]) for entry in log] == [
        *[("connection held for long", name) for name in named],
        *[("connection never given back", name) for name in named],
    ]
    assert all(connection.is_closed() for connection in leaked)


@on_virtual_time
async def test_what_was_not_lent_cannot_be_given_back() -> None:
    async with FakeServer().pool() as pool:
        connection = await pool.get_connection()
        await pool.release_connection(connection)
        with pytest.raises(asyncpg.InterfaceError):
            await pool.release_connection(connection)


@on_virtual_time
async def test_the_session_is_undone_unless_nothing_was_set() -> None:
    server = FakeServer()
    async with server.pool(minimum=1) as pool:
        async with pool.get_connection():
            pass
        async with pool.get_connection(keeps_session=True):
            pass
        assert server.connections[0].resets == 1


@on_virtual_time
async def test_who_is_cancelled_while_giving_back_gives_back_all_the_same() -> None:
    server = FakeServer()
    server.answer_seconds = 1.0
    async with server.pool(minimum=1, maximum=1) as pool:
        connection = await pool.get_connection()
        giving = asyncio.create_task(pool.release_connection(connection))
        await asyncio.sleep(0.5)
        giving.cancel()
        await asyncio.sleep(0)
        assert pool.get_stats().in_use == 1
        async with pool.get_connection() as again:
            assert again is connection
            assert now() >= 1.0


@on_virtual_time
async def test_only_a_connection_that_rested_for_long_is_asked_whether_it_lives() -> None:
    """One that does not answer is dropped, and another serves."""
    server = FakeServer()
    async with server.pool(minimum=1, maximum=1) as pool:
        for pause, asked in ((29.0, 0), (31.0, 1)):
            await hold(pool, 0.0)
            await asyncio.sleep(pause)
            await hold(pool, 0.0)
            assert len(server.connections[0].asked) == asked
        server.connections[0].hangs = True
        await asyncio.sleep(31.0)
        began_at = now()
        async with pool.get_connection() as connection:
            assert cast("FakeConnection", connection) is server.connections[1]
            assert now() == pytest.approx(began_at + 5.0 + server.opening_seconds)
        assert pool.get_stats().history.closed == {Closing.UNFIT: 1}


@on_virtual_time
async def test_after_one_was_lost_the_others_are_asked() -> None:
    """What ended one connection may have left the others hanging, however short they rested."""
    server = FakeServer()
    async with server.pool(minimum=3, maximum=3) as pool:
        await asyncio.sleep(1.0)
        async with pool.get_connection() as connection:
            connection.terminate()
        await hold(pool, 0.0)
        assert [len(each.asked) for each in server.alive].count(1) == 1
        assert pool.get_stats().history.closed == {Closing.LOST: 1}


@on_virtual_time
async def test_no_connection_serves_for_ever_and_they_do_not_end_together() -> None:
    server = FakeServer()
    async with server.pool(minimum=5, maximum=5, age_seconds=1800.0) as pool:
        ends: dict[FakeConnection, float] = {}
        while len(ends) < 5:
            await asyncio.sleep(1.0)
            ends |= {each: now() for each in server.connections if each.closed and each not in ends}
        assert all(1600 < end < 2000 for end in ends.values())
        assert max(ends.values()) - min(ends.values()) > 30
        assert pool.get_stats().size == 5


@on_virtual_time
async def test_an_outage_is_told_at_once_and_tried_seldom() -> None:
    """Who waits without hope gets the error; within an hour there are few attempts; the first success serves."""
    server = FakeServer()
    async with server.pool(minimum=2) as pool:
        await asyncio.sleep(1.0)
        server.error = ConnectionRefusedError(111, "refused")
        for connection in server.connections:
            connection.terminate()
        began_at = now()
        with pytest.raises(ConnectionRefusedError):
            await pool.get_connection()
        assert now() <= began_at + 0.5
        before = len(server.attempts)
        while now() < began_at + 3600:
            with pytest.raises(ConnectionRefusedError):
                await pool.get_connection()
        assert len(server.attempts) - before <= 3600 / 7.5
        server.error, ended_at = None, now()
        await hold(pool, 0.0)
        assert now() <= ended_at + 15.1


@on_virtual_time
async def test_a_server_without_room_costs_only_the_growth() -> None:
    """Who waits is served by those connections that there are."""
    server = FakeServer()
    async with server.pool(minimum=1, maximum=10) as pool:
        server.error = asyncpg.TooManyConnectionsError("too many clients already")
        await asyncio.gather(*(hold(pool, 0.5) for _ in range(20)))
        assert len(server.alive) == 1
        assert pool.get_stats().history.failed_openings <= 9 + 6


@on_virtual_time
async def test_the_server_sets_a_lower_maximum() -> None:
    async with FakeServer().pool(minimum=2, maximum=10) as pool:
        pool.server_bears(3)
        await asyncio.gather(*(hold(pool, 1.0) for _ in range(20)))
        assert pool.get_stats().size == pool.get_stats().maximum == 3


@on_virtual_time
async def test_a_closed_pool_leaves_nobody_waiting() -> None:
    server = FakeServer()
    async with server.pool(minimum=1, maximum=1) as pool:
        await pool.get_connection(is_lasting=True)
        waiting = asyncio.create_task(hold(pool, 0.0))
        await asyncio.sleep(1.0)
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await waiting
    assert not server.alive


@pytest.mark.parametrize("steps", range(6))
@on_virtual_time
async def test_what_is_opened_while_the_pool_closes_is_closed_too(steps: int) -> None:
    """However near the end of the opening the closing comes."""
    server = FakeServer()
    async with server.pool(minimum=2):
        await asyncio.sleep(server.opening_seconds)
        for _ in range(steps):
            await asyncio.sleep(0)
    assert not server.alive


@pytest.mark.parametrize("seed", range(10))
@on_virtual_time
async def test_nothing_leaks_whatever_happens(seed: int) -> None:
    """Cancellations, timeouts, lost connections and refusals by chance: one holder a connection, and all come back."""
    rng, server, held = random.Random(seed), FakeServer(), set[PooledConnection]()

    async def use() -> None:
        try:
            async with pool.get_connection(
                rng.choice(list(Priority)), timeout=rng.uniform(0, 2), keeps_session=rng.random() < 0.5
            ) as connection:
                assert connection not in held
                held.add(connection)
                try:
                    await asyncio.sleep(rng.expovariate(20))
                    if rng.random() < 0.05:
                        connection.terminate()
                finally:
                    held.discard(connection)
        except (AcquireTimeoutError, ConnectionRefusedError):
            pass

    async with server.pool(minimum=1, maximum=6, idle_seconds=2.0, age_seconds=5.0) as pool:
        tasks = []
        for _ in range(1000):
            await asyncio.sleep(rng.expovariate(100))
            tasks.append(asyncio.create_task(use()))
            if rng.random() < 0.3:
                rng.choice(tasks).cancel()
            if rng.random() < 0.01:
                server.error = rng.choice([None, ConnectionRefusedError(111, "refused")])
            if rng.random() < 0.01 and server.alive:
                rng.choice(server.alive).terminate()
            assert pool.get_stats().size + pool.get_stats().opening <= 6
        server.error = None
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        await asyncio.sleep(20.0)
        stats = pool.get_stats()
        assert (stats.in_use, stats.waiting, stats.holders) == (0, 0, ())
        assert stats.size == len(server.alive) == 1
    assert not server.alive
