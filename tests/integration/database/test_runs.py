"""Runs: created in one transaction, found again, listed, deleted."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.runs import repository as runs_module
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import Run, run_key
from cryoasync.database.runs.spool import FreshCompounds, Spool, SpooledEntry
from cryoasync.errors import DatabaseUnavailableError, RunHeldError, UsageError
from cryoasync.models import Batch, EntryState, RunCounts, RunIdentity, RunStatus, Span
from cryoasync.sources.pubchem.table import FRESH_COMPOUNDS
from tests.conftest import Fetch
from tests.integration.database.builders import (
    EARLIER,
    IDENTITY,
    NOON,
    attempt,
    compound,
    entries,
    in_pages,
    merge,
    repository,
    restarted,
    started_run,
    store_of,
)


async def created(database: Database, spool: Spool, identity: RunIdentity = IDENTITY) -> Run:
    """A run that was created and not yet claimed."""
    async with repository(database).hold(run_key(identity)) as hold:
        return await hold.create(identity, spool)


async def pending_ids(database: Database, run: Run) -> list[str]:
    """The ids of the entries that need work, in order."""
    return [
        entry.source_id async for _, page in PostgresPendingEntries(database, run).pages() for entry in page
    ]


async def test_a_new_run_holds_its_entries_in_order(database: Database, fetch: Fetch) -> None:
    """Positions are dense from 0 over all pages; duplicates are a number only."""
    run = await created(database, Spool(pages=in_pages(entries(3), entries(5)[3:]), duplicates=2))
    assert run.counts == RunCounts(pending=5)
    assert run.duplicates == 2
    assert await fetch(
        "SELECT position, source_id, line, state FROM cryoasync.run_entries ORDER BY position"
    ) == [(position, str(position + 1), position + 1, "pending") for position in range(5)]


async def test_invalid_entries_are_settled_from_the_start_whatever_they_hold(
    database: Database, fetch: Fetch
) -> None:
    """A NUL character or a lone surrogate in a line of input does not stop the run."""
    page = [
        SpooledEntry("1", 1),
        SpooledEntry("a\x00b\ud800", 2, EntryState.INVALID, "not a number: a\x00b"),
    ]
    run = await created(database, Spool(pages=in_pages(page)))
    assert run.counts == RunCounts(pending=1, invalid=1)
    assert await fetch(
        "SELECT source_id, line, reason FROM cryoasync.run_entries WHERE state = 'invalid'"
    ) == [("a\ufffdb?", 2, "not a number: a\ufffdb")]
    assert await pending_ids(database, run) == ["1"]


@pytest.mark.needs_sessions
async def test_compounds_that_are_fresh_count_as_imported(database: Database, fetch: Fetch) -> None:
    """Young enough, with the synonyms and further properties wanted; the others are asked for."""
    await merge(
        database,
        compound(1, synonyms=[], fetched_at=NOON),
        compound(2, synonyms=None, fetched_at=NOON),
        compound(3, synonyms=["x"], fetched_at=EARLIER, extra={"Volume3D": 1}),
        compound(4, synonyms=["x"], fetched_at=NOON, extra={"Volume3D": None}),
    )
    since = NOON - timedelta(minutes=1)
    fresh = FreshCompounds(query=FRESH_COMPOUNDS, arguments=(since, True, ["Volume3D"]))
    further = await created(database, Spool(pages=in_pages(entries(5)), fresh=fresh))
    assert await pending_ids(database, further) == ["1", "2", "3", "5"]
    fresh = FreshCompounds(query=FRESH_COMPOUNDS, arguments=(since, True, []))
    run = await created(database, Spool(pages=in_pages(entries(3)), fresh=fresh))
    assert run.counts == RunCounts(imported=1, pending=2)
    assert await pending_ids(database, run) == ["2", "3"]
    assert await fetch(
        "SELECT source_id, reason FROM cryoasync.run_entries WHERE state = 'imported' AND run_id = $1", run.id
    ) == [("1", "fetched 2026-05-04 12:00:00")]


async def test_a_run_whose_creation_ends_in_the_middle_leaves_no_trace(
    database: Database, fetch: Fetch
) -> None:
    """Here the server ends the session between two pages."""

    async def pages() -> AsyncIterator[Sequence[SpooledEntry]]:
        yield entries(10)
        await fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND state = 'idle in transaction'"
        )
        yield entries(20)[10:]

    async with repository(database).hold(run_key(IDENTITY)) as hold:
        with pytest.raises(DatabaseUnavailableError):
            await hold.create(IDENTITY, Spool(pages=pages()))
        assert await fetch("SELECT FROM cryoasync.runs UNION ALL SELECT FROM cryoasync.run_inputs") == []
        assert (await hold.create(IDENTITY, Spool(pages=in_pages(entries(2))))).counts.pending == 2


@pytest.mark.needs_sessions
async def test_two_commands_cannot_create_the_same_run_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is told so before its first page."""
    monkeypatch.setattr(runs_module, "DEAD_SESSION_SECONDS", 0.01)
    runs = repository(database)
    async with runs.hold(run_key(IDENTITY)):
        with pytest.raises(RunHeldError, match="starting the same run"):
            async with runs.hold(run_key(IDENTITY)):
                pass


@pytest.mark.needs_sessions
async def test_a_run_is_found_by_what_it_imports_and_not_by_its_name(database: Database) -> None:
    """The order of the settings does not matter either; the latest run counts."""
    settings = {"a": 1, "b": 2}
    identity = replace(IDENTITY, settings=settings)
    await created(database, Spool(pages=in_pages(entries(1))), identity)
    latest = await created(database, Spool(pages=in_pages(entries(1))), identity)
    same = replace(identity, name="another", settings=dict(reversed(settings.items())))
    found = await repository(database).find(same)
    assert found is not None
    assert found.id == latest.id


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, source="chembl"),
        replace(IDENTITY, base_url="http://localhost:2/"),
        replace(IDENTITY, input_digest="1" * 64),
        replace(IDENTITY, settings={"synonyms": False}),
    ],
    ids=["source", "base URL", "input", "settings"],
)
async def test_another_import_is_another_run(database: Database, other: RunIdentity) -> None:
    """Each part of the identity tells runs apart."""
    await created(database, Spool(pages=in_pages(entries(1))))
    assert await repository(database).find(other) is None


@pytest.mark.needs_sessions
async def test_a_run_is_got_by_id_or_by_the_latest_of_its_name(database: Database) -> None:
    """A name that is a number is looked for after the ids."""
    spools = (Spool(pages=in_pages(entries(1))) for _ in range(3))
    first = await created(database, next(spools))
    second = await created(database, next(spools))
    numbered = await created(database, next(spools), replace(IDENTITY, name="4711"))
    runs = repository(database)
    assert (await runs.get(str(first.id))).id == first.id
    assert (await runs.get("trial")).id == second.id
    assert (await runs.get("4711")).id == numbered.id
    with pytest.raises(UsageError, match="'nothing'"):
        await runs.get("nothing")
    assert [run.id for run in await runs.list_runs()] == [numbered.id, second.id, first.id]


async def test_a_deleted_run_takes_its_entries_along_and_leaves_the_compounds(
    database: Database, fetch: Fetch
) -> None:
    """One that is at work cannot be deleted."""
    run = await started_run(database)
    await merge(database, compound(1, run_id=run.id))
    runs = repository(database)
    async with runs.hold(run.run_key, takeover=True) as hold:
        run = await hold.claim(run)
        with pytest.raises(RunHeldError):
            await runs.delete(run)
        await hold.finish(RunStatus.STOPPED)
    await runs.delete(run)
    assert await fetch("SELECT FROM cryoasync.run_inputs UNION ALL SELECT FROM cryoasync.run_blocks") == []
    assert await fetch("SELECT cid FROM cryoasync.pubchem_compounds") == [(1,)]


async def test_finishing_a_run_says_how_and_when(database: Database) -> None:
    """A run that was only stopped has no end; starting it again clears the end."""
    run = await started_run(database)
    runs = repository(database)
    async with runs.hold(run.run_key, takeover=True) as hold:
        run = await hold.claim(run)
        await hold.heartbeat({"rate": 5})
        await hold.finish(RunStatus.FINISHED)
    finished = await runs.get(str(run.id))
    assert (finished.status, finished.owner, finished.live) == (RunStatus.FINISHED, None, {"rate": 5})
    assert finished.finished_at is not None
    assert (await restarted(database, finished)).finished_at is None


async def test_pages_end_with_their_block_and_leave_out_what_is_settled(
    database: Database, fetch: Fetch
) -> None:
    """Seen around position 1,000,000, where the second block begins."""
    run = await started_run(database, 1)
    await fetch("UPDATE cryoasync.runs SET requested = 1000004, imported = 1000003 RETURNING 1")
    await fetch("UPDATE cryoasync.run_blocks SET done = '{[0,999995), [999997,999998)}' RETURNING 1")
    await fetch("INSERT INTO cryoasync.run_blocks VALUES ($1, 1) RETURNING 1", run.id)
    await fetch(
        "INSERT INTO cryoasync.run_inputs SELECT $1, p, p, p, CASE p WHEN 999996 THEN 'invalid' END"
        " FROM generate_series(999990, 1000003) p RETURNING 1",
        run.id,
    )
    pages = [
        (span, [entry.position for entry in page])
        async for span, page in PostgresPendingEntries(database, run).pages()
    ]
    assert pages == [
        (Span(start=999_995, stop=999_997), [999_995]),
        (Span(start=999_998, stop=1_000_000), [999_998, 999_999]),
        (Span(start=1_000_000, stop=1_000_004), [1_000_000, 1_000_001, 1_000_002, 1_000_003]),
    ]


async def test_pages_go_on_where_an_outage_stopped_them(database: Database) -> None:
    """The iterator that raised yields the page it could not read."""
    run = await started_run(database, 25_000)
    pages = PostgresPendingEntries(database, run).pages()
    spans = [(await anext(pages))[0]]
    database.pool.expire_connections()
    async with database.session() as connection:
        await connection.execute("ALTER TABLE cryoasync.run_inputs RENAME TO away")
    with pytest.raises(Exception, match="run_inputs"):
        await anext(pages)
    async with database.session() as connection:
        await connection.execute("ALTER TABLE cryoasync.away RENAME TO run_inputs")
    spans += [span async for span, _ in pages]
    assert [(span.start, span.stop) for span in spans] == [(0, 10_000), (10_000, 20_000), (20_000, 25_000)]


async def test_requests_of_any_run_are_forgotten_with_time(database: Database, fetch: Fetch) -> None:
    """Only those sent before the time given."""
    run = await started_run(database, 3)
    attempts = [attempt(position, position + 1) for position in range(3)]
    store = store_of(database, run)
    await store.commit(Batch(results=[], attempts=attempts))
    await repository(database).forget_requests(attempts[1].sent_at)
    assert await fetch("SELECT first_id FROM cryoasync.requests ORDER BY sent_at") == [("2",), ("3",)]
