"""A server to be ill-treated, a proxy before it, and runs that store through both."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryoasync.database.connection import DatabaseSettings, open_database
from tests.faults.load import Work, prepare, require_exact, settings_for
from tests.faults.proxy import Proxy, running_proxy
from tests.servers import Server

RUNNER = "runner"
"""The role by which runs connect; it is no superuser, so that a full server has no place for it."""

_SOME_BATCHES = 5

SETTINGS = {"max_connections": "30", "restart_after_crash": "on", "fsync": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a fault may lay hands on."""

    server: Server
    proxy: Proxy
    database: str
    rng: random.Random

    @property
    def dsn(self) -> str:
        """The database as its owner meets it, without the proxy."""
        return self.server.dsn(self.database)

    async def execute(self, statement: str) -> None:
        """Execute a statement in the database, past the proxy."""
        await self.server.execute(statement, self.database)


@asynccontextmanager
async def scene_on(server: Server, seed: int) -> AsyncIterator[Scene]:
    """Yield a scene with a fresh database, which is dropped in the end."""
    name = f"scene_{uuid.uuid4().hex}"
    await server.execute(
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RUNNER}') THEN CREATE ROLE {RUNNER} LOGIN;"
        " END IF; END $$"
    )
    await server.execute(f"CREATE DATABASE {name} OWNER {RUNNER}")
    try:
        await prepare(server.dsn(name, user=RUNNER))
        async with running_proxy(server.port) as proxy:
            yield Scene(server=server, proxy=proxy, database=name, rng=random.Random(seed))
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def load_on(scene: Scene, *, runs: int = 2, entries: int = 100_000) -> AsyncIterator[list[Work]]:
    """Let runs store as long as the block lasts, until each has stored something after it; see that all is exact."""
    works = [Work(number=number, entries=entries) for number in range(runs)]
    async with open_database(DatabaseSettings(dsn=scene.server.dsn(scene.database, user=RUNNER))) as database:
        for work in works:
            await work.spool(database)
    dsn = scene.server.dsn(scene.database, port=scene.proxy.port, user=RUNNER)
    async with open_database(settings_for(dsn)) as database, asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work.go(database, seed=work.number), name=f"run {work.number}")
        await until_more(works)
        yield works
        await until_more(works)
        for work in works:
            work.is_over.set()
    await require_exact(scene.dsn, works)


async def until_more(works: list[Work]) -> None:
    """Return when each run has stored some batches more than now, or all it had."""
    goals = [work.commits + _SOME_BATCHES for work in works]
    for work, goal in zip(works, goals, strict=True):
        while work.commits < goal and work.stored < work.entries:  # noqa: ASYNC110 - what is watched is what is tested
            await asyncio.sleep(0.01)
