"""One connection of a pool: how old it is, since when it rests, and whether it is still fit."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from cryoasync.database.error_translation import FOREIGN_ERRORS

PooledConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect = Callable[[], Coroutine[Any, Any, PooledConnection]]

RESET_SECONDS = 10.0
CLOSING_SECONDS = 2.0
_AGE_JITTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How large a pool may be, and how long its connections are trusted.

    Attributes:
        minimum: connections that are kept even where nobody wants them.
        maximum: connections at most.
        acquire_seconds: the longest that somebody waits for a connection, where they do not say.
        idle_seconds: a connection that was one too many for so long is closed.
        age_seconds: a connection is replaced at this age, give or take a tenth, so that none serves for ever.
        check_after_seconds: a connection that rested longer is asked whether it still answers before it serves.
        check_seconds: how long that answer may take.
        leak_after_seconds: who has a connection for longer is named in the log, once.
        first_backoff_seconds: the pause after the first opening that failed; it doubles, with jitter.
        longest_backoff_seconds: up to this.
    """

    minimum: int = 2
    maximum: int = 10
    acquire_seconds: float = 30.0
    idle_seconds: float = 60.0
    age_seconds: float = 1800.0
    check_after_seconds: float = 30.0
    check_seconds: float = 5.0
    leak_after_seconds: float = 300.0
    first_backoff_seconds: float = 0.2
    longest_backoff_seconds: float = 15.0


@dataclass(slots=True, eq=False)
class Member:
    """A connection of a pool."""

    connection: PooledConnection
    retire_at: float
    idle_since: float

    @classmethod
    def joining(
        cls, connection: PooledConnection, limits: PoolLimits, now: float, rng: random.Random
    ) -> "Member":
        """Return a new member, whose age limit differs from that of those opened at the same time."""
        age = limits.age_seconds * rng.uniform(1 - _AGE_JITTER, 1 + _AGE_JITTER)
        return cls(connection, now + age, now)

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self.connection.is_closed()

    async def answers(self, seconds: float) -> bool:
        """Ask the server for a sign of life, in a way that every pooler lets through."""
        try:
            async with asyncio.timeout(seconds):
                await self.connection.execute("SELECT 1")
        except FOREIGN_ERRORS:
            return False
        return True

    async def forgets_session(self) -> bool:
        """Undo what is set, locked and open in the session, and tell whether that worked."""
        try:
            async with asyncio.timeout(RESET_SECONDS):
                # Whoever was cancelled while a transaction began could not end it; asyncpg takes that for a bug.
                if self.connection.is_in_transaction():
                    await self.connection.execute("ROLLBACK")
                await self.connection.reset()
        except FOREIGN_ERRORS:
            return False
        return True

    async def close(self) -> None:
        """Take leave of the server, or drop the connection where that takes long."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.connection.close()
        except FOREIGN_ERRORS:
            self.connection.terminate()


class OpeningBackoff:
    """Spaces out the attempts to open a connection while they fail, one at a time."""

    def __init__(self, limits: PoolLimits, rng: random.Random) -> None:
        """Allow any number of attempts."""
        self.retry_at = 0.0
        self._limits = limits
        self._rng = rng
        self._ceiling = limits.first_backoff_seconds
        self._failed_at: float | None = None

    def allowed(self, wanted: int, under_way: int, now: float) -> int:
        """Return how many of the ``wanted`` attempts may begin now."""
        if self._failed_at is None:
            return wanted
        return 0 if under_way or now < self.retry_at else min(wanted, 1)

    def failed(self, began_at: float, now: float) -> None:
        """Wait longer than last time, by chance between half of that and all of it.

        Attempts that were under way together fail of one thing, and count once.
        """
        if self._failed_at is None or began_at >= self._failed_at:
            self._failed_at = now
            self.retry_at = now + self._rng.uniform(self._ceiling / 2, self._ceiling)
            self._ceiling = min(self._limits.longest_backoff_seconds, 2 * self._ceiling)

    def succeeded(self) -> None:
        """Wait no longer."""
        self.retry_at, self._ceiling, self._failed_at = 0.0, self._limits.first_backoff_seconds, None
