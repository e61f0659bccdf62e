"""The statements of the response cache, each call one transaction on a connection in autocommit mode."""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite

from cryoasync.http.cache_models import CachePart, CacheScope, PruneReport
from cryoasync.http.cache_usage import Usage

# A writer waits this long for another process; the reads queued behind it on the connection wait too.
_BUSY_TIMEOUT_MS = 1_000

# With a write-ahead log NORMAL survives a killed process whole; a power cut may cost the last answers, which
# can be asked again. OFF would save one fsync in a thousand pages, and a power cut could damage the file.
_SETTINGS = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
)

# json_each takes any number of ids in one parameter. CROSS JOIN keeps the order of the look-ups.
_SELECT_ENTRIES = """
SELECT entry.id, entry.source_id, payload.payload, entry.fetched_at, entry.last_used_at
FROM scope
CROSS JOIN json_each(:ids) AS wanted
CROSS JOIN entry ON entry.scope_id = scope.id AND entry.source_id = wanted.value
CROSS JOIN payload ON payload.entry_id = entry.id
WHERE scope.origin = :origin AND scope.endpoint = :endpoint AND entry.fetched_at >= :oldest
"""
_SELECT_USABLE = """
SELECT entry.id, entry.source_id, entry.last_used_at
FROM scope
CROSS JOIN json_each(:ids) AS wanted
CROSS JOIN entry ON entry.scope_id = scope.id AND entry.source_id = wanted.value
WHERE scope.origin = :origin AND scope.endpoint = :endpoint AND entry.fetched_at >= :oldest
"""
_INSERT_SCOPE = "INSERT INTO scope (origin, endpoint) VALUES (?, ?) ON CONFLICT DO NOTHING"
_SELECT_SCOPE = "SELECT id FROM scope WHERE origin = ? AND endpoint = ?"
_UPSERT_ENTRY = """
INSERT INTO entry (scope_id, source_id, fetched_at, last_used_at, size)
VALUES (:scope_id, :source_id, :fetched_at, :fetched_at, length(:payload))
ON CONFLICT (scope_id, source_id) DO UPDATE SET
    fetched_at = excluded.fetched_at, last_used_at = excluded.last_used_at, size = excluded.size
WHERE excluded.fetched_at >= entry.fetched_at
"""
# An entry with another time is a newer answer that another process stored.
_UPSERT_PAYLOAD = """
INSERT INTO payload (entry_id, payload)
SELECT id, :payload FROM entry
WHERE scope_id = :scope_id AND source_id = :source_id AND fetched_at = :fetched_at
ON CONFLICT (entry_id) DO UPDATE SET payload = excluded.payload
"""
_MARK_USED = """
UPDATE entry SET last_used_at = max(last_used_at, ?) WHERE id IN (SELECT value FROM json_each(?))
"""
_ADD_LOOKUPS = """
INSERT INTO scope (origin, endpoint, hits, misses) VALUES (?, ?, ?, ?)
ON CONFLICT (origin, endpoint) DO UPDATE SET hits = hits + excluded.hits, misses = misses + excluded.misses
"""
_FORGET_LOOKUPS = "UPDATE scope SET hits = 0, misses = 0 WHERE :origin IS NULL OR origin = :origin"
_SELECT_PAGES = """
SELECT page_count, freelist_count, page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""
_SELECT_PARTS = """
SELECT origin, endpoint, hits, misses, coalesce(entries, 0), coalesce(bytes, 0), oldest, newest
FROM scope LEFT JOIN (
    SELECT scope_id, count(*) AS entries, sum(size) AS bytes,
        min(fetched_at) AS oldest, max(fetched_at) AS newest
    FROM entry GROUP BY scope_id
) ON scope_id = id
WHERE entries OR hits OR misses
ORDER BY origin, endpoint
"""


class Doomed(Enum):
    """Which entries a deletion takes, as the query of some of their ids; each takes ``:at_most``."""

    LEAST_RECENTLY_USED = """
        SELECT id FROM (
            SELECT id, sum(size) OVER (ORDER BY last_used_at, id) - size AS freed_before
            FROM (SELECT id, size, last_used_at FROM entry ORDER BY last_used_at, id LIMIT :at_most)
        ) WHERE freed_before < :excess
        """
    FETCHED_BEFORE = "SELECT id FROM entry WHERE fetched_at < :oldest LIMIT :at_most"
    OF_ORIGIN = """
        SELECT entry.id FROM entry JOIN scope ON scope.id = scope_id
        WHERE :origin IS NULL OR origin = :origin LIMIT :at_most
        """


class StoredEntry(NamedTuple):
    """A row of the table of entries with its payload."""

    row_id: int
    source_id: str
    payload: bytes
    fetched_at: float
    last_used_at: float


class UsableEntry(NamedTuple):
    """A row of the table of entries, without its payload."""

    row_id: int
    source_id: str
    last_used_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The room that the database file takes, in bytes; freed pages are used again before the file grows."""

    file_bytes: int
    used_bytes: int


async def connect(path: Path) -> aiosqlite.Connection:
    """Connect to an existing cache file; raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
    try:
        for setting in _SETTINGS:
            await connection.execute_fetchall(setting)
    except BaseException:
        await connection.close()
        raise
    return connection


async def select_entries(
    connection: aiosqlite.Connection, scope: CacheScope, ids: Collection[str], oldest: float
) -> list[StoredEntry]:
    """Return those of ``ids`` that were fetched at ``oldest`` or later."""
    rows = await connection.execute_fetchall(_SELECT_ENTRIES, _wanted(scope, ids, oldest))
    return [StoredEntry._make(row) for row in rows]


async def select_usable(
    connection: aiosqlite.Connection, scope: CacheScope, ids: Collection[str], oldest: float
) -> list[UsableEntry]:
    """Return what :func:`select_entries` does, without reading a payload."""
    rows = await connection.execute_fetchall(_SELECT_USABLE, _wanted(scope, ids, oldest))
    return [UsableEntry._make(row) for row in rows]


async def upsert_entries(
    connection: aiosqlite.Connection, scope: CacheScope, payloads: Mapping[str, bytes], fetched_at: float
) -> None:
    """Store answers, each unless a newer one is there."""
    key = (scope.origin, scope.endpoint)
    async with _transaction(connection):
        await connection.execute_fetchall(_INSERT_SCOPE, key)
        [[scope_id]] = await connection.execute_fetchall(_SELECT_SCOPE, key)
        rows = [
            {"scope_id": scope_id, "source_id": source_id, "payload": payload, "fetched_at": fetched_at}
            for source_id, payload in payloads.items()
        ]
        await connection.executemany(_UPSERT_ENTRY, rows)
        await connection.executemany(_UPSERT_PAYLOAD, rows)


async def add_usage(connection: aiosqlite.Connection, usage: Usage) -> None:
    """Add hits and misses by scope, and mark the entries that were used."""
    lookups = [(scope.origin, scope.endpoint, *counts) for scope, counts in usage.lookups.items()]
    async with _transaction(connection):
        await connection.executemany(_ADD_LOOKUPS, lookups)
        await connection.execute_fetchall(_MARK_USED, (usage.used_at, json.dumps([*usage.used_ids])))


async def delete_some(
    connection: aiosqlite.Connection, doomed: Doomed, *, at_most: int, **parameters: Any
) -> PruneReport:
    """Delete at most ``at_most`` entries; ``parameters`` are those that the query of ``doomed`` names."""
    statement = f"DELETE FROM entry WHERE id IN ({doomed.value}) RETURNING size"  # noqa: S608 - an enum's text
    rows = await connection.execute_fetchall(statement, parameters | {"at_most": at_most})
    sizes = [size for (size,) in rows]
    return PruneReport(entries=len(sizes), bytes=sum(sizes))


async def forget_lookups(connection: aiosqlite.Connection, origin: str | None) -> None:
    """Set the hits and misses of one origin, or of all, to 0."""
    await connection.execute_fetchall(_FORGET_LOOKUPS, {"origin": origin})


async def pages(connection: aiosqlite.Connection) -> Pages:
    """Return the room taken, at a cost that does not depend on it."""
    [(total, free, page_bytes)] = await connection.execute_fetchall(_SELECT_PAGES)
    return Pages(file_bytes=total * page_bytes, used_bytes=(total - free) * page_bytes)


async def release_pages(connection: aiosqlite.Connection) -> None:
    """Give the freed pages back to the file system."""
    # The pragma frees a page a step and gives no rows, so that execute() would stop after the first.
    await connection.executescript("PRAGMA incremental_vacuum")


async def parts(connection: aiosqlite.Connection) -> dict[CacheScope, CachePart]:
    """Return what each scope in use holds; reads every entry but no payload."""
    rows = await connection.execute_fetchall(_SELECT_PARTS)
    return {
        CacheScope(origin=origin, endpoint=endpoint): CachePart(
            entries=entries, bytes=size, hits=hits, misses=misses, oldest=oldest, newest=newest
        )
        for origin, endpoint, hits, misses, entries, size, oldest, newest in rows
    }


def _wanted(scope: CacheScope, ids: Collection[str], oldest: float) -> dict[str, Any]:
    return {
        "origin": scope.origin,
        "endpoint": scope.endpoint,
        "ids": json.dumps([*ids]),
        "oldest": oldest,
    }


@asynccontextmanager
async def _transaction(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    # What is queued on the connection runs even if the task that waits for it is cancelled, so the rollback
    # comes after the statement that was cancelled. Without an open transaction it does nothing.
    try:
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        yield
        await connection.commit()
    except BaseException:
        await connection.rollback()
        raise
