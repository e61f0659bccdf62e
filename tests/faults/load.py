"""Runs that store batch after batch, and the proof that each batch was stored once."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import asyncpg

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.pool.member import PoolLimits
from cryoasync.database.runs.checkpoint import PostgresBatchStore
from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.record import Run, run_key
from cryoasync.database.runs.spool import Spool, SpooledEntry
from cryoasync.database.schema import migrate
from cryoasync.models import Batch, Entry, EntryResult, EntryState, RunCounts, RunIdentity, RunStatus
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.service.run_work import batch_writer
from cryoasync.settings import RunSettings
from tests.integration.database.builders import IDENTITY, attempt, chunk_result, compound, repository

PATIENCE_SECONDS = 120.0
_HEARTBEAT_SECONDS = 0.05
_PAGE_ENTRIES = 5_000
# As much as a source brings, in batches as small as those of its answers and as large as those of files.
_PAUSE_SECONDS = 0.01
_SMALL_BATCH, _LARGE_BATCH, _LARGE_BATCH_EVERY = 10, 500, 10

# Each effect on a compound leaves a trace in the same transaction, so that a doubled one shows; and a row says
# which error, if any, the server raises where rows are merged.
_WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.effects (cid bigint);
CREATE TABLE watch.trouble (sqlstate text, share float8);
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO watch.effects VALUES (NEW.cid); RETURN NULL; END';
CREATE FUNCTION watch.fail() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE t record;
    BEGIN
        FOR t IN SELECT * FROM watch.trouble LOOP
            IF random() < t.share THEN RAISE EXCEPTION 'injected' USING ERRCODE = t.sqlstate; END IF;
        END LOOP;
        RETURN NULL;
    END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON cryoasync.pubchem_compounds
    FOR EACH ROW EXECUTE FUNCTION watch.note();
CREATE TRIGGER fail BEFORE INSERT ON cryoasync.pubchem_compounds
    FOR EACH STATEMENT EXECUTE FUNCTION watch.fail();
CREATE TRIGGER fail BEFORE UPDATE ON cryoasync.runs
    FOR EACH STATEMENT EXECUTE FUNCTION watch.fail();
"""


def settings_for(dsn: str) -> DatabaseSettings:
    """Settings with which an outage is noticed soon, and its end too."""
    return DatabaseSettings(
        dsn=dsn,
        pool=PoolLimits(acquire_seconds=5.0, first_backoff_seconds=0.02, longest_backoff_seconds=0.5),
        connect_timeout_seconds=2.0,
        command_timeout_seconds=2.0,
    )


async def prepare(dsn: str) -> None:
    """Migrate a database, and watch over what happens to its compounds."""
    async with open_database(DatabaseSettings(dsn=dsn)) as database:
        await migrate(database)
        async with database.transaction() as connection:
            await connection.execute(_WATCH)


@dataclass
class Work:
    """One run that stores batches of its own compounds until it is told to stop, or has no more."""

    number: int
    entries: int
    stored: int = 0
    commits: int = 0
    pauses: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def first_cid(self) -> int:
        """The compounds of different runs are different."""
        return 1 + self.number * 1_000_000

    async def go(self, database: Database, *, seed: int) -> None:
        """Store as a run does: batches with patience, beside a heartbeat."""
        clock = asyncio.get_running_loop().time
        breaker = DatabaseBreaker(clock=clock)

        def patience() -> DatabasePatience:
            rng = random.Random(seed)
            return DatabasePatience(PATIENCE_SECONDS, breaker, drowning_seconds=10.0, clock=clock, rng=rng)

        async with self._started(database) as (run, hold):
            store = PostgresBatchStore(run, batch_writer(database, RunSettings()))
            checkpoints = CheckpointManager(store, run.counts, patience=patience(), clock=clock)
            beating = asyncio.create_task(_beat(hold, patience()))
            while self.stored < self.entries and not self.is_over.is_set():
                batch = self._batch()
                await checkpoints.commit(batch)
                self.stored += len(batch.results[0].entries)
                self.commits += 1
                await asyncio.sleep(_PAUSE_SECONDS)
            self.pauses = breaker.state().openings
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            expected = RunCounts(imported=self.stored, pending=self.entries - self.stored)
            assert checkpoints.counts == expected
            await patience().keep_trying(lambda: hold.finish(RunStatus.STOPPED))

    async def spool(self, database: Database) -> None:
        """Make the run, while all is well yet."""
        async with repository(database).hold(run_key(self._identity)) as hold:
            await hold.create(self._identity, Spool(pages=self._pages()))

    @asynccontextmanager
    async def _started(self, database: Database) -> AsyncIterator[tuple[Run, RunHold]]:
        runs = repository(database)
        async with runs.hold(run_key(self._identity)) as hold:
            run = await runs.find(self._identity)
            assert run is not None
            yield await hold.claim(run), hold

    @property
    def _identity(self) -> RunIdentity:
        return replace(IDENTITY, input_digest=f"{self.number:064}")

    async def _pages(self) -> AsyncIterator[Sequence[SpooledEntry]]:
        for start in range(0, self.entries, _PAGE_ENTRIES):
            positions = range(start, min(start + _PAGE_ENTRIES, self.entries))
            yield [SpooledEntry(source_id=str(self.first_cid + each), line=1) for each in positions]

    def _batch(self) -> Batch:
        size = _LARGE_BATCH if self.commits % _LARGE_BATCH_EVERY == 1 else _SMALL_BATCH
        positions = range(self.stored, min(self.stored + size, self.entries))
        results = [
            EntryResult(
                entry=Entry(position=each, source_id=str(self.first_cid + each)),
                state=EntryState.IMPORTED,
                rows=(compound(self.first_cid + each, title="x" * 50),),
            )
            for each in positions
        ]
        sent = attempt(positions.start, positions.stop)
        return Batch(results=[chunk_result(*results, attempts=[sent])])


async def _beat(hold: RunHold, patience: DatabasePatience) -> None:
    while True:
        await patience.keep_trying(lambda: hold.heartbeat({"at": "work"}))
        await asyncio.sleep(_HEARTBEAT_SECONDS)


async def require_exact(dsn: str, works: Sequence[Work]) -> None:
    """See that everything that a run counts as stored is there, once, and nothing else."""
    expected = sorted(cid for work in works for cid in range(work.first_cid, work.first_cid + work.stored))
    connection = await asyncpg.connect(dsn)
    try:

        async def numbers(query: str) -> list[int]:
            return [record[0] for record in await connection.fetch(query)]

        assert await numbers("SELECT cid FROM cryoasync.pubchem_compounds ORDER BY cid") == expected
        assert await numbers("SELECT cid FROM watch.effects ORDER BY cid") == expected
        states = "SELECT source_id::bigint FROM cryoasync.run_entries WHERE state = 'imported' ORDER BY 1"
        assert await numbers(states) == expected
        requests = "SELECT count(*) FROM cryoasync.requests GROUP BY run_id ORDER BY run_id"
        assert sorted(await numbers(requests)) == sorted(work.commits for work in works if work.commits)
        books = "SELECT imported FROM cryoasync.runs WHERE requested = imported + pending ORDER BY id"
        assert sorted(await numbers(books)) == sorted(work.stored for work in works)
    finally:
        await connection.close()
