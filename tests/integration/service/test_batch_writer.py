"""What writes the batches of a run, where the database is in trouble."""

import pytest

from cryoasync.database.bulk.batch_transaction import BatchTransaction
from cryoasync.database.connection import Database
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.service.run_work import batch_writer
from cryoasync.settings import RunSettings

LOST = "SELECT pg_terminate_backend(pg_backend_pid())"
DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$"


@pytest.mark.parametrize(("trouble", "tries"), [(LOST, 1), (DEADLOCK, 2)], ids=["lost", "deadlock"])
async def test_a_conflict_is_tried_again_and_an_outage_told_at_once(
    database: Database, trouble: str, tries: int
) -> None:
    """An outage is for the patience of the run, which pauses the fetching meanwhile."""
    tried = 0

    async def work(batch: BatchTransaction) -> str:
        nonlocal tried
        tried += 1
        await batch.connection.execute(trouble if tried == 1 else "SELECT")
        return "written"

    writing = batch_writer(database, RunSettings()).transact(work, is_repeatable=True)
    if tries == 1:
        with pytest.raises(DatabaseUnavailableError):
            await writing
    else:
        assert await writing == "written"
    assert tried == tries
