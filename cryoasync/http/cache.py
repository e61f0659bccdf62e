"""What the source has answered before: one entry a compound and endpoint, in an SQLite file.

The cache saves requests and is never needed: whatever its file does, a run goes on with misses. It keeps
answers only. A fault, or the absence of a compound, is true for the moment it was told, so nothing stores it.
"""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

from cryoasync.http import cache_store
from cryoasync.http.cache_file import CacheFile, held_cache_file, is_damage
from cryoasync.http.cache_models import (
    CacheAction,
    CacheEntry,
    CachePart,
    CacheProblem,
    CacheScope,
    CacheStatistics,
    PruneReport,
)
from cryoasync.http.cache_store import Doomed, Pages, StoredEntry, UsableEntry
from cryoasync.http.cache_usage import CacheUsage

_Result = TypeVar("_Result")

# Entries deleted in one transaction: some milliseconds.
_STEP = 1_000

# An entry's last use is kept to the hour, so that a list read again and again writes next to nothing.
_USE_RESOLUTION_SECONDS = 3_600.0

_NO_PAGES = Pages(file_bytes=0, used_bytes=0)


class ResponseCache:
    """Answers by origin (scheme, host and port), endpoint and source id (any text without NUL).

    See :meth:`open`. Times are seconds since 1970, UTC.
    """

    def __init__(self, path: Path, *, max_bytes: int, warn: Callable[[CacheProblem], None]) -> None:
        """Keep about ``max_bytes`` at ``path``, and tell ``warn`` of each new problem once."""
        self._path = path
        self._max_bytes = max_bytes
        self._warn = warn
        self._warned: set[tuple[CacheAction, str]] = set()
        self._held = ExitStack()
        self._file: CacheFile | None = None
        self._connection: aiosqlite.Connection | None = None
        self._lock = asyncio.Lock()
        self._usage = CacheUsage()
        self._failures = dict.fromkeys(CacheAction, 0)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, max_bytes: int, warn: Callable[[CacheProblem], None]
    ) -> AsyncIterator[Self]:
        """Open the cache at ``path``, which several processes may do at once.

        The least recently used entries make room when the file holds more than ``max_bytes``. No error of
        the file leaves any method: a file that is damaged or of another version is moved aside to
        ``….corrupt-N``, one that cannot be used is done without, answers that cannot be written are dropped,
        and ``warn`` is told.
        """
        cache = cls(path, max_bytes=max_bytes, warn=warn)
        try:
            await cache._start()
            yield cache
        finally:
            await cache._stop()

    async def get_many(
        self,
        origin: str,
        endpoint: str,
        ids: Collection[str],
        *,
        now: float,
        max_age_seconds: float = math.inf,
    ) -> dict[str, CacheEntry]:
        """Return those of ``ids`` whose answer is at hand and at most ``max_age_seconds`` old at ``now``."""
        scope = CacheScope(origin=origin, endpoint=endpoint)
        wanted = set(ids)
        rows: Sequence[StoredEntry] = await self._attempt(
            CacheAction.READ,
            lambda connection: cache_store.select_entries(connection, scope, wanted, now - max_age_seconds),
            otherwise=(),
        )
        await self._note_use(scope, rows, hits=len(rows), misses=len(wanted) - len(rows), now=now)
        return {row.source_id: CacheEntry(payload=row.payload, fetched_at=row.fetched_at) for row in rows}

    async def usable_ids(
        self, origin: str, endpoint: str, ids: Collection[str], *, now: float, max_age_seconds: float
    ) -> set[str]:
        """Return those of ``ids`` that :meth:`get_many` would find: a use of them, but no hit and no miss."""
        scope = CacheScope(origin=origin, endpoint=endpoint)
        rows: Sequence[UsableEntry] = await self._attempt(
            CacheAction.READ,
            lambda connection: cache_store.select_usable(connection, scope, set(ids), now - max_age_seconds),
            otherwise=(),
        )
        await self._note_use(scope, rows, hits=0, misses=0, now=now)
        return {row.source_id for row in rows}

    async def put_many(
        self, origin: str, endpoint: str, entries: Mapping[str, bytes], *, fetched_at: float
    ) -> None:
        """Store what the source answered at ``fetched_at``, each by its source id; a newer answer stays."""
        scope = CacheScope(origin=origin, endpoint=endpoint)

        async def put(connection: aiosqlite.Connection) -> None:
            await cache_store.upsert_entries(connection, scope, entries, fetched_at)
            await self._make_room(connection, self._max_bytes)

        await self._attempt(CacheAction.WRITE, put, otherwise=None)

    async def prune(
        self, *, now: float, max_bytes: int | None = None, max_age_seconds: float = math.inf
    ) -> PruneReport:
        """Delete what is older than ``max_age_seconds``, then the least recently used above ``max_bytes``."""
        await self._write_usage()
        report = PruneReport()
        if max_age_seconds < math.inf:
            report += await self._delete_all(Doomed.FETCHED_BEFORE, oldest=now - max_age_seconds)
        if max_bytes is not None:
            report += await self._repeat(lambda connection: self._make_room(connection, max_bytes))
        await self._attempt(CacheAction.PRUNE, cache_store.release_pages, otherwise=None)
        return report

    async def clear(self, origin: str | None = None) -> PruneReport:
        """Delete the entries of one origin, or all, and forget their hits and misses."""
        await self._write_usage()
        report = await self._delete_all(Doomed.OF_ORIGIN, origin=origin)
        for finish in (partial(cache_store.forget_lookups, origin=origin), cache_store.release_pages):
            await self._attempt(CacheAction.PRUNE, finish, otherwise=None)
        return report

    async def statistics(self) -> CacheStatistics:
        """Count entries, bytes, hits and misses by scope; takes longer the more entries there are."""
        await self._write_usage()
        scopes: Mapping[CacheScope, CachePart] = await self._attempt(
            CacheAction.READ, cache_store.parts, otherwise={}
        )
        pages = await self._attempt(CacheAction.READ, cache_store.pages, otherwise=_NO_PAGES)
        return CacheStatistics(
            scopes=scopes,
            file_bytes=pages.file_bytes,
            read_failures=self._failures[CacheAction.READ],
            write_failures=self._failures[CacheAction.WRITE],
        )

    async def _start(self) -> None:
        try:
            file = await asyncio.to_thread(self._held.enter_context, held_cache_file(self._path))
            moved_to = await asyncio.to_thread(file.make_usable)
            self._connection = await cache_store.connect(self._path)
        except (OSError, sqlite3.Error) as error:
            self._tell(CacheAction.OPEN, str(error), is_off=True)
            return
        self._file = file
        if moved_to is not None:
            self._tell(CacheAction.OPEN, "the file is damaged, or of another version", moved_to=moved_to)

    async def _stop(self) -> None:
        await self._write_usage()
        async with self._lock:
            await self._disconnect()
            self._held.close()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                await connection.close()

    async def _attempt(
        self,
        action: CacheAction,
        operation: Callable[[aiosqlite.Connection], Awaitable[_Result]],
        otherwise: _Result,
    ) -> _Result:
        """Carry out ``operation`` alone on the connection, or give ``otherwise`` where the file fails."""
        async with self._lock:
            if self._connection is None:
                self._failures[action] += 1
                return otherwise
            try:
                return await operation(self._connection)
            except sqlite3.DatabaseError as error:
                if not isinstance(error, sqlite3.OperationalError) and not is_damage(error):
                    raise
                self._failures[action] += 1
                await self._recover(action, error)
                return otherwise

    async def _recover(self, action: CacheAction, error: sqlite3.DatabaseError) -> None:
        if self._file is None or not is_damage(error):
            self._tell(action, str(error))
            return
        await self._disconnect()
        try:
            moved_to = await asyncio.to_thread(self._file.replace)
            self._connection = await cache_store.connect(self._path)
        except (OSError, sqlite3.Error) as refusal:
            self._tell(action, f"{error}; {refusal}", is_off=True)
        else:
            self._tell(action, str(error), moved_to=moved_to)

    def _tell(
        self, action: CacheAction, reason: str, *, moved_to: Path | None = None, is_off: bool = False
    ) -> None:
        """Warn of a problem; a full disk is met by every write and told once."""
        if moved_to is None and (action, reason) in self._warned:
            return
        self._warned.add((action, reason))
        self._warn(
            CacheProblem(path=self._path, action=action, reason=reason, moved_to=moved_to, is_off=is_off)
        )

    async def _note_use(
        self,
        scope: CacheScope,
        rows: Sequence[StoredEntry | UsableEntry],
        *,
        hits: int,
        misses: int,
        now: float,
    ) -> None:
        stale_before = now - _USE_RESOLUTION_SECONDS
        used_ids = [row.row_id for row in rows if row.last_used_at < stale_before]
        self._usage.add(scope, hits=hits, misses=misses, used_ids=used_ids, now=now)
        if self._usage.is_due:
            await self._write_usage()

    async def _write_usage(self) -> None:
        if self._usage.is_empty or self._connection is None:
            return
        usage = self._usage.take()
        await self._attempt(
            CacheAction.WRITE, lambda connection: cache_store.add_usage(connection, usage), otherwise=None
        )

    async def _make_room(self, connection: aiosqlite.Connection, max_bytes: int) -> PruneReport:
        pages = await cache_store.pages(connection)
        if pages.used_bytes <= max_bytes:
            return PruneReport()
        return await cache_store.delete_some(
            connection, Doomed.LEAST_RECENTLY_USED, at_most=_STEP, excess=pages.used_bytes - max_bytes
        )

    async def _delete_all(self, doomed: Doomed, **parameters: Any) -> PruneReport:
        return await self._repeat(
            lambda connection: cache_store.delete_some(connection, doomed, at_most=_STEP, **parameters)
        )

    async def _repeat(self, step: Callable[[aiosqlite.Connection], Awaitable[PruneReport]]) -> PruneReport:
        """Delete step by step, with room for look-ups between the steps, until nothing is left to delete."""
        report = PruneReport()
        while (deleted := await self._attempt(CacheAction.PRUNE, step, otherwise=PruneReport())).entries:
            report += deleted
        return report
