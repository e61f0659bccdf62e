"""An advisory lock that its process cannot outlive: it goes with the session that took it."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

import asyncpg

from cryoasync.database.connection import Connection, Database
from cryoasync.database.error_translation import translated_errors


def advisory_key(purpose: str, name: str) -> int:
    """Return the 64-bit key of an advisory lock for a purpose and a name."""
    digest = hashlib.sha256(f"cryoasync {purpose} {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


class SessionLock:
    """A session advisory lock on a connection of its own, taken again where that connection was lost."""

    def __init__(self, database: Database, key: int) -> None:
        """Name the lock; it is not taken yet."""
        self._database = database
        self._key = key
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None
        self._held = False

    async def try_acquire(self) -> bool:
        """Take the lock if it is free, and tell whether it is held now.

        Raises:
            DatabaseError: the database cannot be asked.
        """
        connection = await self._open_connection()
        if not self._held:
            with translated_errors(self._database.described):
                self._held = await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key)
        return self._held

    async def acquire_within(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the lock, and tell whether it is held now.

        Raises:
            DatabaseError: the database cannot be asked.
        """
        connection = await self._open_connection()
        with translated_errors(self._database.described):
            try:
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL lock_timeout = '{seconds:.3f}s'")
                    await connection.execute("SELECT pg_advisory_lock($1)", self._key)
            except asyncpg.LockNotAvailableError:
                return False
        self._held = True
        return True

    async def release(self) -> None:
        """Give the connection back to the pool, which frees the lock."""
        self._held = False
        self._connection = None
        stack, self._stack = self._stack, AsyncExitStack()
        await asyncio.shield(stack.aclose())

    async def _open_connection(self) -> Connection:
        if self._connection is not None and self._connection.is_closed():
            await self.release()
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self._database.session(is_lasting=True))
        return self._connection
