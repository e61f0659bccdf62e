"""A large first load without the indexes that only queries need."""

import asyncio

import structlog

from cryoasync.database.bulk.deferred_indexes import DeferredIndexes
from cryoasync.database.connection import Database
from cryoasync.errors import DatabaseError
from cryoasync.pipeline.shutdown import StopRequest

BULK_ENTRIES = 500_000
"""From so many pending entries on a load is large. Below, creating the indexes saves less than it is worth."""

INDEXES = ("molecules_inchikey", "chembl_molecules_parent_chembl_id")
"""Those that no commit reads. That an InChIKey is unique needs none: the molecule's id, the key, is made of it."""

_log = structlog.get_logger(__name__)


class BulkLoad:
    """What a run does to the indexes before and after its work."""

    def __init__(self, database: Database, stop: StopRequest, *, pending: int) -> None:
        """Look at a run that has so many ``pending`` entries; ``stop`` leaves what is still to do to the next start."""
        self._stop = stop
        self._indexes = DeferredIndexes(database=database, indexes=INDEXES)
        self._is_large = pending >= BULK_ENTRIES

    async def begin(self) -> None:
        """Drop the indexes where the load is large and its table empty; where it is not, create what is deferred."""
        if not self._is_large:
            await self.end()
        elif names := await self._indexes.defer():
            _log.info("a large first load: indexes are created at its end", indexes=", ".join(names))

    async def end(self) -> None:
        """Create what is deferred, by this run or another."""
        creating, stopped = asyncio.create_task(self._create()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({creating, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (creating, stopped):
                task.cancel()
            await asyncio.wait({creating, stopped})

    async def _create(self) -> None:
        try:
            await self._indexes.create()
        except DatabaseError as error:
            _log.warning("indexes are still to be created, at the next start", reason=error.message)
