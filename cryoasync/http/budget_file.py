"""The rate budget of one user on one machine, in a SQLite file.

It serves processes that use different databases but send from the same address. SQLite gives the lock between
processes and survives a kill in the middle of a write; nothing here needs to survive a loss of power, since a
machine that starts again has been silent for longer than any window.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
import structlog

from cryoasync.control.rate.rate_policy import NANOSECONDS
from cryoasync.ports import Clock

LOCK_PATIENCE_SECONDS = 30.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS budget (host TEXT NOT NULL, boot TEXT NOT NULL, log BLOB NOT NULL, PRIMARY KEY (host, boot))
"""

_SAVE = """
INSERT INTO budget (host, boot, log) VALUES (?, ?, ?) ON CONFLICT (host, boot) DO UPDATE SET log = excluded.log
"""

_STORED = "SELECT log FROM budget WHERE host = ? AND boot = ?"

_NOT_SHARED = "rate budget not shared by file"

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
        self._told: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, clock: Clock) -> AsyncIterator["FileBudgetStore | None"]:
        """Open or create the file; yield ``None``, and say so in the log, where the place cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = await aiosqlite.connect(path, isolation_level=None, timeout=LOCK_PATIENCE_SECONDS)
        except (OSError, sqlite3.Error) as error:
            _log.warning(_NOT_SHARED, path=str(path), reason=str(error))
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
        try:
            boot = await asyncio.to_thread(BOOT_ID.read_text)
            await connection.execute("PRAGMA synchronous = OFF")
            await connection.execute(_SCHEMA)
            await connection.execute("DELETE FROM budget WHERE boot <> ?", (boot.strip(),))
        except (OSError, sqlite3.Error) as error:
            _log.warning(_NOT_SHARED, path=str(path), reason=str(error))
            return None
        return cls(connection, boot.strip(), clock)

    @asynccontextmanager
    async def transaction(self, host: str) -> AsyncIterator[_FileBudget]:
        """Lock the file; save what was replaced at the end.

        A file that cannot be used any more (disk full, damaged, taken away) is said in the log once and passed
        over: the budget in the database still holds.
        """
        async with self._turn:
            locked = await self._attempt("BEGIN IMMEDIATE") is not None
            try:
                budget = _FileBudget(await self._stored(host) if locked else None, self._shift())
                yield budget
                if locked and budget.changed:
                    await self._attempt(_SAVE, (host, self._boot, budget.log))
            finally:
                await self._end()

    async def _end(self) -> None:
        """Leave no transaction open, which would keep every other process out; a full disk has ended it already."""
        if self._connection.in_transaction and await self._attempt("COMMIT") is None:
            with suppress(sqlite3.Error):
                await self._connection.rollback()

    async def _stored(self, host: str) -> bytes | None:
        rows = await self._attempt(_STORED, (host, self._boot))
        return bytes(rows[0][0]) if rows else None

    async def _attempt(self, statement: str, values: tuple[object, ...] = ()) -> list[sqlite3.Row] | None:
        """Return the rows of ``statement``, or ``None`` where the file fails."""
        try:
            return list(await self._connection.execute_fetchall(statement, values))
        except sqlite3.Error as error:
            reason = str(error)
        if reason not in self._told:
            self._told.add(reason)
            _log.warning(_NOT_SHARED, reason=reason)
        return None

    def _shift(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - round(self._clock() * NANOSECONDS)
