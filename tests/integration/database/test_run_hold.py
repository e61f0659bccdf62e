"""One process per run: locks, dead owners, takeovers."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict, replace

import pytest

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.pooler import Pooler
from cryoasync.database.runs import repository as runs_module
from cryoasync.database.runs.owner import Owner, this_process
from cryoasync.database.runs.record import run_key
from cryoasync.database.runs.repository import RunRepository
from cryoasync.database.runs.session_lock import advisory_key
from cryoasync.database.runs.spool import Spool
from cryoasync.errors import RunFencedError, RunHeldError
from cryoasync.models import RunStatus
from tests.conftest import Fetch
from tests.integration.database.builders import IDENTITY, entries, in_pages, repository, started_run

KEY = run_key(IDENTITY)
ELSEWHERE = replace(this_process(), host="another.example", boot_id="another")


@asynccontextmanager
async def holder(dsn: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that holds the run; it is killed in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.database.holder", dsn, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        # What comes before is the log.
        while (line := await process.stdout.readline()) != b"holding\n":
            assert line, "the holder has ended"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_run_that_another_process_holds_is_refused_by_name(database: Database, dsn: str) -> None:
    """Host, process id and the way out are in the error."""
    run = await started_run(database)
    async with holder(dsn) as process:
        with pytest.raises(RunHeldError) as raised:
            async with repository(database).hold(run.run_key):
                pass
        assert f"process {process.pid} on {this_process().host}" in str(raised.value)
        assert "--takeover" in (raised.value.hint or "")


async def test_the_run_of_a_killed_process_goes_on_at_once(database: Database, dsn: str) -> None:
    """Its heartbeat is still young; that the process is gone is what counts."""
    run = await started_run(database)
    runs = repository(database)
    async with holder(dsn) as process:
        process.kill()
    async with runs.hold(run.run_key) as hold:
        latest = await runs.get(str(run.id))
        assert latest.status is RunStatus.RUNNING
        assert (await hold.claim(latest)).epoch == latest.epoch + 1


@pytest.mark.needs_sessions
async def test_a_session_that_outlives_its_dead_process_is_waited_for(
    database: Database, dsn: str, fetch: Fetch
) -> None:
    """The lock goes a moment after the attempt began."""
    run = await started_run(database)
    ended = await asyncio.create_subprocess_exec("true")
    await ended.wait()
    await set_owner(fetch, replace(this_process(), pid=ended.pid, process_started_at=1.0))

    async def attempt() -> None:
        async with repository(database).hold(run.run_key):
            pass

    lock = advisory_key("run", run.run_key)
    async with open_database(DatabaseSettings(dsn=dsn)) as other, other.session() as session:
        await session.execute("SELECT pg_advisory_lock($1)", lock)
        waiting = asyncio.create_task(attempt())
        while not await fetch("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not waiting.done()
        await session.execute("SELECT pg_advisory_unlock($1)", lock)
        await waiting


async def test_a_process_killed_while_it_creates_its_run_is_waited_for(
    database: Database, dsn: str, fetch: Fetch
) -> None:
    """Nothing tells of it yet but the lock of its last transaction."""
    lock = advisory_key("creation of run", KEY)
    async with (
        open_database(DatabaseSettings(dsn=dsn)) as other,
        other.session() as session,
        repository(database).hold(KEY) as hold,
    ):
        await session.execute("SELECT pg_advisory_lock($1)", lock)
        creation = asyncio.create_task(hold.create(IDENTITY, Spool(pages=in_pages(entries(1)))))
        while not await fetch("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not creation.done()
        await session.execute("SELECT pg_advisory_unlock($1)", lock)
        assert (await creation).counts.pending == 1


@pytest.mark.needs_sessions
async def test_a_dead_process_is_not_waited_for_without_end(
    database: Database, dsn: str, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that stays keeps the run, however dead its process."""
    monkeypatch.setattr(runs_module, "DEAD_SESSION_SECONDS", 0.01)
    run = await started_run(database)
    await set_owner(fetch, replace(this_process(), process_started_at=1.0))
    async with open_database(DatabaseSettings(dsn=dsn)) as other, other.session() as session:
        await session.execute("SELECT pg_advisory_lock($1)", advisory_key("run", run.run_key))
        with pytest.raises(RunHeldError):
            async with repository(database).hold(run.run_key):
                pass


async def test_a_takeover_ends_the_other_process_work(database: Database) -> None:
    """From the claim on, neither heartbeat nor end of the first reach the run."""
    run = await started_run(database)
    runs = repository(database)
    async with runs.hold(run.run_key, takeover=True) as first:
        run = await first.claim(run)
        async with runs.hold(run.run_key, takeover=True) as second:
            taken = await second.claim(run)
            with pytest.raises(RunFencedError, match=f"Run {run.id} "):
                await first.heartbeat()
            with pytest.raises(RunFencedError):
                await first.finish(RunStatus.STOPPED)
            await second.heartbeat()
            assert taken.epoch == run.epoch + 1


async def test_of_two_claims_of_the_same_reading_one_wins(database: Database) -> None:
    """The loser is told, as where the lock had told it."""
    run = await started_run(database)
    async with repository(database).hold(run.run_key, takeover=True) as hold:
        await hold.claim(run)
        with pytest.raises(RunHeldError, match="started by another process"):
            await hold.claim(run)


@pytest.mark.needs_sessions
async def test_a_lock_whose_connection_was_lost_is_taken_again(database: Database, fetch: Fetch) -> None:
    """After the next heartbeat the run is as well protected as before."""
    run = await started_run(database)
    runs = repository(database)
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    async with runs.hold(run.run_key, takeover=True) as hold:
        await hold.claim(run)
        await fetch("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")
        while not await fetch(held):
            await hold.heartbeat()


@pytest.mark.needs_sessions
async def test_a_free_lock_says_that_an_owner_elsewhere_is_gone(database: Database, fetch: Fetch) -> None:
    """Its process cannot be seen from here, and its heartbeat is young."""
    run = await started_run(database)
    await set_owner(fetch, ELSEWHERE)
    async with repository(database).hold(run.run_key) as hold:
        await hold.claim(run)


@pytest.mark.parametrize(
    ("owner", "age_seconds", "held"),
    [
        pytest.param(ELSEWHERE, 29, True, id="elsewhere and just seen"),
        pytest.param(ELSEWHERE, 31, False, id="elsewhere and not seen for long"),
        pytest.param(this_process(), 29, True, id="here and alive"),
        pytest.param(replace(this_process(), process_started_at=1.0), 1, False, id="here, another start"),
        pytest.param(None, 1, False, id="nobody"),
    ],
)
async def test_behind_a_transaction_pooler_the_heartbeat_decides(
    dsn: str, fetch: Fetch, owner: Owner | None, age_seconds: int, *, held: bool
) -> None:
    """Nothing is asked of session locks there."""
    async with open_database(DatabaseSettings(dsn=dsn, pooler=Pooler.TRANSACTION)) as database:
        run = await started_run(database)
        await set_owner(fetch, owner, age_seconds)
        expected = pytest.raises(RunHeldError) if held else nullcontext()
        with expected:
            async with repository(database).hold(run.run_key) as hold:
                await hold.claim(run)
                await hold.heartbeat({"seen": True})
        async with repository(database).hold(run.run_key, takeover=True):
            assert await fetch("SELECT FROM pg_locks WHERE locktype = 'advisory'") == []


async def test_behind_a_transaction_pooler_a_run_is_created_once(dsn: str) -> None:
    """Of two that found none at the same time, the one that comes later is refused."""
    async with open_database(DatabaseSettings(dsn=dsn, pooler=Pooler.TRANSACTION)) as database:
        runs = [RunRepository(database, owner) for owner in (ELSEWHERE, this_process())]
        async with runs[0].hold(KEY) as first, runs[1].hold(KEY) as second:
            await first.create(IDENTITY, Spool(pages=in_pages(entries(1))))
            with pytest.raises(RunHeldError, match=r"another\.example"):
                await second.create(IDENTITY, Spool(pages=in_pages(entries(1))))


async def set_owner(fetch: Fetch, owner: Owner | None, age_seconds: int = 0) -> None:
    """Let the only run be owned so, last seen so long ago."""
    await fetch(
        "UPDATE cryoasync.runs SET owner = $1, heartbeat_at = now() - make_interval(secs => $2) RETURNING 1",
        owner and asdict(owner),
        age_seconds,
    )
