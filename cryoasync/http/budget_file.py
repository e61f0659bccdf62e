"""The rate budget of one user on one machine, in a SQLite file.

It serves processes that use different databases but send from the same address. SQLite gives the lock between
processes and survives a kill in the middle of a write; nothing here needs to survive a loss of power, since a
machine that starts again has been silent for longer than any window.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
import structlog

from cryoasync.control.rate_policy import NANOSECONDS
from cryoasync.ports import Clock

LOCK_PATIENCE_SECONDS = 30.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS budget (host TEXT NOT NULL, boot TEXT NOT NULL, log BLOB NOT NULL, PRIMARY KEY (host, boot))
"""

_SAVE = """
INSERT INTO budget (host, boot, log) VALUES (?, ?, ?) ON CONFLICT (host, boot) DO UPDATE SET log = excluded.log
"""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _FileBudget:
    log: bytes | None
    shift: int
    changed: bool = False

    def replace(self, log: bytes) -> None:
        self.log, self.changed = log, True


class FileBudgetStore:
    """Keeps permit logs by host in one file; its clock counts from the machine's start, suspension included."""

    def __init__(self, connection: aiosqlite.Connection, boot: str, clock: Clock) -> None:
        """Use an open connection; see :meth:`open`."""
        self._connection = connection
        self._boot = boot
        self._clock = clock
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, clock: Clock) -> AsyncIterator["FileBudgetStore | None"]:
        """Open or create the file; yield ``None``, and say so in the log, where the place cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = await aiosqlite.connect(path, isolation_level=None, timeout=LOCK_PATIENCE_SECONDS)
        except (OSError, sqlite3.Error) as error:
            _log.warning("rate budget not shared by file", path=str(path), reason=str(error))
            yield None
            return
        try:
            store = await cls._prepared(connection, path, clock)
            yield store
        finally:
            await connection.close()

    @classmethod
    async def _prepared(
        cls, connection: aiosqlite.Connection, path: Path, clock: Clock
    ) -> "FileBudgetStore | None":
        boot = await asyncio.to_thread(BOOT_ID.read_text)
        try:
            await connection.execute("PRAGMA synchronous = OFF")
            await connection.execute(_SCHEMA)
            await connection.execute("DELETE FROM budget WHERE boot <> ?", (boot.strip(),))
        except sqlite3.Error as error:
            _log.warning("rate budget not shared by file", path=str(path), reason=str(error))
            return None
        return cls(connection, boot.strip(), clock)

    @asynccontextmanager
    async def transaction(self, host: str) -> AsyncIterator[_FileBudget]:
        """Lock the file; save what was replaced at the end.

        A file that cannot be used any more (disk full, taken away) is said in the log and passed over: the
        budget in the database still holds.
        """
        async with self._turn:
            locked = await self._attempt("BEGIN IMMEDIATE")
            budget = _FileBudget(await self._stored(host) if locked else None, self._shift())
            try:
                yield budget
                if locked and budget.changed:
                    await self._attempt(_SAVE, (host, self._boot, budget.log))
            finally:
                if locked:
                    await self._attempt("COMMIT")

    async def _attempt(self, statement: str, values: tuple[object, ...] = ()) -> bool:
        try:
            await self._connection.execute(statement, values)
        except sqlite3.Error as error:
            _log.warning("rate budget not shared by file", reason=str(error))
            return False
        return True

    async def _stored(self, host: str) -> bytes | None:
        cursor = await self._connection.execute(
            "SELECT log FROM budget WHERE host = ? AND boot = ?", (host, self._boot)
        )
        row = await cursor.fetchone()
        return None if row is None else bytes(row[0])

    def _shift(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - round(self._clock() * NANOSECONDS)
