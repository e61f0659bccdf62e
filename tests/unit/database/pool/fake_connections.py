"""A server that gives connections on virtual time, and a pool on it."""

import asyncio
import random
from typing import cast

import asyncpg

from cryoasync.database.pool.connection_pool import IntelligentConnectionPool
from cryoasync.database.pool.member import PooledConnection, PoolLimits


class FakeConnection:
    """A connection that answers as its server does."""

    def __init__(self, server: "FakeServer") -> None:
        self.server = server
        self.closed = False
        self.hangs = False
        self.asked: list[str] = []
        self.resets = 0

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return False

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        await asyncio.sleep(self.server.answer_seconds)
        self.closed = True

    async def reset(self) -> None:
        self.resets += 1
        await self._answer()

    async def execute(self, statement: str) -> None:
        self.asked.append(statement)
        await self._answer()

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.sleep(3600.0)
        await asyncio.sleep(self.server.answer_seconds)
        if self.closed:
            raise asyncpg.InterfaceError("connection is closed")


class FakeServer:
    """Opens connections in ``opening_seconds``; an ``error`` comes instead while there is one."""

    def __init__(self) -> None:
        self.opening_seconds = 0.05
        self.answer_seconds = 0.001
        self.error: Exception | None = None
        self.attempts: list[float] = []
        self.connections: list[FakeConnection] = []

    @property
    def alive(self) -> list[FakeConnection]:
        """The connections that have not ended."""
        return [connection for connection in self.connections if not connection.closed]

    async def connect(self) -> PooledConnection:
        """Open a connection."""
        self.attempts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.opening_seconds)
        if self.error is not None:
            raise self.error
        self.connections.append(FakeConnection(self))
        return cast("PooledConnection", self.connections[-1])

    def pool(self, **limits: float) -> IntelligentConnectionPool:
        """A pool on this server, with limits that differ from the usual ones."""
        return IntelligentConnectionPool(
            self.connect,
            PoolLimits(**limits),  # type: ignore[arg-type]
            rng=random.Random(1),
        )
