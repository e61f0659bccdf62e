"""What can befall a database, each with its end: while it lasts, and after it, runs go on storing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.faults.scene import RUNNER, Scene

Fault = Callable[[Scene], Awaitable[None]]

_OURS = "application_name = 'cryoasync'"


async def fast_restart(scene: Scene) -> None:
    """The server ends the sessions, saying so, and comes back."""
    await scene.server.stop("fast")
    await _a_while(scene)
    await scene.server.start()


async def immediate_restart(scene: Scene) -> None:
    """The server is gone without a word, and recovers."""
    await scene.server.stop("immediate")
    await _a_while(scene)
    await scene.server.start()


async def killed_backend(scene: Scene) -> None:
    """A process of the server is killed in the middle of a COPY, and the server ends all sessions and recovers."""
    copying = f"SELECT pid FROM pg_stat_activity WHERE {_OURS} AND query LIKE 'COPY%' AND state = 'active'"
    async with _session(scene) as session:
        while (pid := await session.fetchval(copying)) is None:
            pass
        scene.server.kill_backend(pid)
    while True:
        with suppress(OSError, asyncpg.PostgresError):
            await scene.execute("SELECT 1")
            return
        await asyncio.sleep(0.02)


async def terminated_sessions(scene: Scene) -> None:
    """All sessions are ended by an administrator, several times."""
    for _ in range(3):
        await scene.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
        await _a_while(scene, 0.1)


async def cancelled_statements(scene: Scene) -> None:
    """Statements are cancelled, as those are that take longer than the server allows."""
    for _ in range(20):
        await scene.execute(f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
        await _a_while(scene, 0.02)


async def black_hole(scene: Scene) -> None:
    """Nothing gets through for a while, though every connection looks alive; then all does, or they are cut."""
    scene.proxy.stall()
    await _a_while(scene, 3.0)
    if scene.rng.random() < 0.5:
        scene.proxy.cut()
    scene.proxy.flow()


async def cut_connections(scene: Scene) -> None:
    """The network cuts what there is, and takes nothing new for a while."""
    scene.proxy.refuse()
    await _a_while(scene)
    scene.proxy.flow()


async def failing_statements(scene: Scene) -> None:
    """Some statements fail of a deadlock, a serialization failure, a lock, a full disk, or a lack of memory."""
    code = scene.rng.choice(["40P01", "40001", "55P03", "53100", "53200"])
    share = scene.rng.choice([0.2, 0.9])
    await scene.execute(f"INSERT INTO watch.trouble VALUES ('{code}', {share})")
    await _a_while(scene, 1.0)
    await scene.execute("DELETE FROM watch.trouble")


async def no_room(scene: Scene) -> None:
    """Others take every connection that the server has, ours included."""
    hogs: list[asyncpg.Connection[asyncpg.Record]] = []
    try:
        for _ in range(2):
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    hogs.append(await asyncpg.connect(scene.server.dsn(user=RUNNER)))
            await scene.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
        await _a_while(scene)
    finally:
        for hog in hogs:
            await hog.close()


async def read_only(scene: Scene) -> None:
    """The server takes no writes, as a primary does that was replaced."""
    await scene.server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await scene.server.execute("SELECT pg_reload_conf()")
    await _a_while(scene)
    await scene.server.execute("ALTER SYSTEM RESET default_transaction_read_only")
    await scene.server.execute("SELECT pg_reload_conf()")


async def locked_tables(scene: Scene) -> None:
    """Somebody holds a lock that every commit needs."""
    async with _session(scene) as session, session.transaction():
        await session.execute("LOCK TABLE cryoasync.runs IN EXCLUSIVE MODE")
        await _a_while(scene, 3.0)


FAULTS: tuple[Fault, ...] = (
    fast_restart,
    immediate_restart,
    killed_backend,
    terminated_sessions,
    cancelled_statements,
    black_hole,
    cut_connections,
    failing_statements,
    no_room,
    read_only,
    locked_tables,
)


async def mix(scene: Scene) -> list[str]:
    """Let some faults come, one after the other or at once; return their names."""
    chosen = [scene.rng.choice(FAULTS) for _ in range(scene.rng.randint(1, 4))]
    network = [fault for fault in chosen if fault in (black_hole, cut_connections)]
    others = [fault for fault in chosen if fault not in network]

    async def one_by_one(faults: Sequence[Fault]) -> None:
        for fault in faults:
            await fault(scene)
            await _a_while(scene, 0.3)

    # What befalls the network may come while the server is in trouble; two troubles of the server would meet only
    # in ours, which has to speak to it.
    await asyncio.gather(one_by_one(network), one_by_one(others))
    return [fault.__name__ for fault in chosen]


async def _a_while(scene: Scene, longest_seconds: float = 0.6) -> None:
    await asyncio.sleep(scene.rng.uniform(longest_seconds / 4, longest_seconds))


@asynccontextmanager
async def _session(scene: Scene) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    session = await asyncpg.connect(scene.dsn)
    try:
        yield session
    finally:
        session.terminate()
