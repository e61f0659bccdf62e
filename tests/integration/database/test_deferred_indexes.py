"""Indexes that a large first load does without are there again in the end, whatever was cut off in between."""

import asyncio
import signal

import pytest

from cryoasync.database.bulk.deferred_indexes import DeferredIndexes
from cryoasync.database.connection import Database
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.service.bulk_load import BULK_ENTRIES, INDEXES, BulkLoad
from tests.conftest import Fetch
from tests.integration.database.builders import bring, compound

NAMES = [(name,) for name in sorted(INDEXES)]
PRESENT = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index
WHERE indisvalid AND indrelid IN ('cryoasync.molecules'::regclass, 'cryoasync.chembl_molecules'::regclass)
ORDER BY 1
"""
WRITTEN_DOWN = "SELECT name FROM cryoasync.deferred_indexes ORDER BY name"


@pytest.fixture
def indexes(database: Database) -> DeferredIndexes:
    """Those of the tables that runs load."""
    return DeferredIndexes(database=database, indexes=INDEXES)


async def test_what_was_dropped_is_created_as_it_was(
    database: Database, indexes: DeferredIndexes, fetch: Fetch
) -> None:
    """A unique one too; those of keys stay, since merges need them."""
    before = await fetch(PRESENT)
    assert set(await indexes.defer()) == set(INDEXES)
    assert await fetch(WRITTEN_DOWN) == NAMES
    assert len(await fetch(PRESENT)) == len(before) - len(INDEXES)
    await bring(database, *(compound(cid, inchikey=f"KEY{cid:011}-UHFFFAOYSA-N") for cid in range(1, 100)))
    assert set(await indexes.create()) == set(INDEXES)
    assert await fetch(PRESENT) == before
    assert await fetch(WRITTEN_DOWN) == []
    assert await indexes.create() == ()


async def test_a_table_with_rows_keeps_its_indexes(
    database: Database, indexes: DeferredIndexes, fetch: Fetch
) -> None:
    """Somebody may query it."""
    await bring(database, compound(1))
    assert await indexes.defer() == ("chembl_molecules_parent_chembl_id",)
    assert ("molecules_inchikey",) in [record[:1] for record in await fetch(PRESENT)]


async def test_a_table_in_use_is_not_waited_for(
    database: Database, indexes: DeferredIndexes, fetch: Fetch
) -> None:
    """Then all indexes stay, and nothing is written down."""
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE cryoasync.chembl_molecules IN ROW SHARE MODE")
        assert await indexes.defer() == ()
    assert await fetch(WRITTEN_DOWN) == []


async def test_an_index_that_somebody_else_created_is_crossed_out(
    indexes: DeferredIndexes, fetch: Fetch
) -> None:
    """By hand, for instance, because the load took so long."""
    before = await fetch(PRESENT)
    await indexes.defer()
    await fetch("CREATE UNIQUE INDEX molecules_inchikey ON cryoasync.molecules (inchikey)")
    await indexes.create()
    assert await fetch(PRESENT) == before


async def test_two_processes_may_create_them_at_once(
    database: Database, indexes: DeferredIndexes, fetch: Fetch
) -> None:
    """Each index is created by one of them."""
    before = await fetch(PRESENT)
    await indexes.defer()
    created = await asyncio.gather(indexes.create(), indexes.create())
    assert sorted(name for names in created for name in names) == sorted(INDEXES)
    assert await fetch(PRESENT) == before


async def test_a_creation_that_is_cut_off_leaves_it_to_the_next_start(
    database: Database, indexes: DeferredIndexes, fetch: Fetch
) -> None:
    """The backend is killed in the middle; a start with little to do then mends what is left."""
    before = await fetch(PRESENT)
    await BulkLoad(database, StopRequest(), pending=BULK_ENTRIES).begin()
    async with database.transaction() as blocker:
        await blocker.execute("LOCK TABLE cryoasync.molecules IN ROW EXCLUSIVE MODE")
        ending = asyncio.create_task(BulkLoad(database, StopRequest(), pending=0).end())
        waits = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'cryoasync.molecules'::regclass"
        while not (waiting := await fetch(waits)):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        await fetch("SELECT pg_terminate_backend($1)", *waiting[0])
        await ending
    assert ("molecules_inchikey",) in await fetch(WRITTEN_DOWN)
    await BulkLoad(database, StopRequest(), pending=1).begin()
    assert await fetch(PRESENT) == before


async def test_a_stop_ends_the_creation(database: Database, fetch: Fetch) -> None:
    """And nothing of it stays."""
    await BulkLoad(database, StopRequest(), pending=BULK_ENTRIES).begin()
    stop = StopRequest()
    async with database.transaction() as blocker:
        await blocker.execute("LOCK TABLE cryoasync.molecules IN ROW EXCLUSIVE MODE")
        ending = asyncio.create_task(BulkLoad(database, stop, pending=0).end())
        while len(await fetch(WRITTEN_DOWN)) > 1:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        stop.by_signal(signal.SIGTERM)
        await ending
    assert await fetch(WRITTEN_DOWN) == [("molecules_inchikey",)]


async def test_a_load_that_is_not_large_keeps_them(database: Database, fetch: Fetch) -> None:
    """One entry fewer."""
    before = await fetch(PRESENT)
    await BulkLoad(database, StopRequest(), pending=BULK_ENTRIES - 1).begin()
    assert await fetch(PRESENT) == before
