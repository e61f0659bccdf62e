"""The rate budget in the database: shared by every machine that imports into it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryoasync.control.rate.rate_policy import NANOSECONDS
from cryoasync.database.connection import Connection, Database
from cryoasync.ports import Clock

CLOCK_SAMPLES = 16

_ADD_HOST = """
INSERT INTO cryoasync.rate_budgets (host, log, updated_at) VALUES ($1, '', clock_timestamp())
ON CONFLICT (host) DO NOTHING
"""
_LOCK = "SELECT log FROM cryoasync.rate_budgets WHERE host = $1 FOR UPDATE"
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
_SAVE = "UPDATE cryoasync.rate_budgets SET log = $2, updated_at = clock_timestamp() WHERE host = $1"


@dataclass(slots=True)
class _DatabaseBudget:
    log: bytes | None
    shift: int
    changed: bool = False

    def replace(self, log: bytes) -> None:
        self.log, self.changed = log, True


class DatabaseBudgetStore:
    """Keeps permit logs by host in the table ``rate_budgets``, on the database's clock.

    The difference between the clocks is taken from the quickest of the last answers: it is off by at most half
    of that round trip.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep the logs in ``database``; shifts are told against ``clock``."""
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()
        self._samples: deque[tuple[float, float]] = deque(maxlen=CLOCK_SAMPLES)

    @asynccontextmanager
    async def transaction(self, host: str) -> AsyncIterator[_DatabaseBudget]:
        """Lock the row of ``host``; save what was replaced at the end.

        Raises:
            DatabaseUnavailableError: the database is out of reach; nothing is known to be saved.
        """
        async with self._turn, self._database.transaction() as connection:
            log = await connection.fetchval(_LOCK, host)
            if log is None:
                await connection.execute(_ADD_HOST, host)
                log = await connection.fetchval(_LOCK, host)
            budget = _DatabaseBudget(log or None, await self._shift(connection))
            yield budget
            if budget.changed:
                await connection.execute(_SAVE, host, budget.log)

    async def _shift(self, connection: Connection) -> int:
        asked_at = self._clock()
        database_time: float = await connection.fetchval(_CLOCK)
        answered_at = self._clock()
        self._samples.append((answered_at - asked_at, database_time - (asked_at + answered_at) / 2))
        return round(min(self._samples)[1] * NANOSECONDS)
