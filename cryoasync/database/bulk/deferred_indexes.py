"""Indexes that a large first load does without: built once over all rows, they cost a fraction.

An index is dropped and written down in one transaction, and created and crossed out in another, so that whatever is
cut off in between is known to the next start. The rows themselves are logged and flushed as ever.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from cryoasync.database.connection import Connection, Database
from cryoasync.database.identifiers import qualified
from cryoasync.errors import DatabaseError

PROGRESS_SECONDS = 5.0
LONGEST_BUILD_SECONDS = 24 * 3600.0

# Whoever uses a table is not waited for: the load is only a little slower with its indexes.
_WITHOUT_WAITING = "SET LOCAL lock_timeout = '1s'"
_CANDIDATES = """
SELECT index.relname AS name, owned.relname AS table_name, pg_get_indexdef(index.oid) AS definition
FROM pg_index
JOIN pg_class AS index ON index.oid = indexrelid
JOIN pg_class AS owned ON owned.oid = indrelid
WHERE owned.relnamespace = 'cryoasync'::regnamespace
    AND index.relname = ANY ($1::text[])
    AND pg_has_role(owned.relowner, 'USAGE')
ORDER BY 1
"""
_WRITE_DOWN = "INSERT INTO cryoasync.deferred_indexes (name, table_name, definition) VALUES ($1, $2, $3)"
_NEXT = "SELECT name, definition FROM cryoasync.deferred_indexes ORDER BY name LIMIT 1 FOR UPDATE"
_IS_THERE = "SELECT to_regclass($1::text) IS NOT NULL"
_CROSS_OUT = "DELETE FROM cryoasync.deferred_indexes WHERE name = $1"
_PROGRESS = """
SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total
FROM pg_stat_progress_create_index
WHERE pid = $1
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredIndexes:
    """The indexes of the schema ``cryoasync`` that, by their names, need not be there during a load."""

    database: Database
    indexes: Sequence[str]

    async def defer(self) -> tuple[str, ...]:
        """Drop those whose tables are empty, and return their names.

        Nothing is dropped where the user does not own a table, or somebody else uses it at the moment.
        """
        try:
            async with self.database.transaction() as connection:
                await connection.execute(_WITHOUT_WAITING)
                candidates = await connection.fetch(_CANDIDATES, self.indexes)
                deferred = [index for index in candidates if await _is_empty(connection, index["table_name"])]
                for index in deferred:
                    await connection.execute(_WRITE_DOWN, *index)
                    await connection.execute(f"DROP INDEX {qualified('cryoasync', index['name'])}")
        except DatabaseError as error:
            _log.debug("indexes are kept during the load", reason=error.message)
            return ()
        return tuple(index["name"] for index in deferred)

    async def create(self) -> tuple[str, ...]:
        """Create all indexes that were deferred, by whomever, and return their names; log how far that is.

        Writing to a table waits as long as one of its indexes is being created.

        Raises:
            DatabaseError: what is not created yet stays written down.
        """
        created: list[str] = []
        while (name := await self._create_next()) is not None:
            created.append(name)
        return tuple(created)

    async def _create_next(self) -> str | None:
        async with self.database.session(is_lasting=True) as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            # A second process waits here, and then finds the index created.
            index = await connection.fetchrow(_NEXT)
            if index is None:
                return None
            name: str = index["name"]
            if not await connection.fetchval(_IS_THERE, qualified("cryoasync", name)):
                async with self._progress_told(name, await connection.fetchval("SELECT pg_backend_pid()")):
                    await connection.execute(index["definition"], timeout=LONGEST_BUILD_SECONDS)
            await connection.execute(_CROSS_OUT, name)
            return name

    @asynccontextmanager
    async def _progress_told(self, name: str, process: int) -> AsyncIterator[None]:
        _log.info("creating an index", index=name)
        telling = asyncio.create_task(self._tell_progress(name, process))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell_progress(self, name: str, process: int) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            progress = None
            with suppress(DatabaseError):
                async with self.database.transaction() as connection:
                    progress = await connection.fetchrow(_PROGRESS, process)
            if progress is not None:
                _log.info(
                    "creating an index", index=name, phase=progress["phase"], done=_share(*progress[1:])
                )


async def _is_empty(connection: Connection, table: str) -> bool:
    found = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM {qualified('cryoasync', table)})"  # noqa: S608 - quoted
    )
    return not found


def _share(blocks_done: int, blocks_total: int, tuples_done: int, tuples_total: int) -> str:
    done, total = (tuples_done, tuples_total) if tuples_total else (blocks_done, blocks_total)
    return f"{done / total:.0%}" if total else "-"
