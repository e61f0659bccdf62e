"""Any history of commits, replays, restarts and retries leaves books that balance."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.runs.checkpoint import PostgresBatchStore
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import Run
from cryoasync.errors import RunFencedError
from cryoasync.models import Batch, EntryResult, EntryState, Failure, FailureKind
from tests.conftest import TEMPLATE, temporary_database
from tests.integration.database.builders import (
    attempt,
    chunk_result,
    entry_result,
    repository,
    restarted,
    started_run,
    store_of,
)

ENTRIES = 12
SETTLED = st.sampled_from([EntryState.IMPORTED, EntryState.NOT_FOUND, EntryState.FAILED])
STATES = st.lists(SETTLED, min_size=ENTRIES, max_size=ENTRIES)
CHUNK = st.tuples(st.integers(0, ENTRIES - 1), st.integers(1, 5))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("settle"), st.lists(CHUNK, min_size=1, max_size=3), STATES),
        st.tuples(st.just("retry"), st.integers(1, ENTRIES), STATES),
        st.tuples(st.just("repeat")),
        st.tuples(st.just("restart")),
        st.tuples(st.just("zombie")),
    ),
    max_size=12,
)


@dataclass
class Books:
    """The run under test, and what must be in the database."""

    database: Database
    run: Run
    expected: list[EntryState] = field(default_factory=lambda: [EntryState.PENDING] * ENTRIES)
    retriable: set[int] = field(default_factory=set)
    last: Batch | None = None

    async def settle(self, chunks: list[tuple[int, int]], states: list[EntryState]) -> None:
        """Settle what is pending of some stretches of the input, in any order."""
        results = []
        for start, length in chunks:
            stop = start
            while stop < min(start + length, ENTRIES) and self.expected[stop] is EntryState.PENDING:
                self.expected[stop] = states[stop]
                stop += 1
            if stop > start:
                settled = [outcome(position, states[position]) for position in range(start, stop)]
                results.append(chunk_result(*settled, attempts=[attempt(start, stop)]))
        await self.commit(Batch(results=results))

    async def retry(self, count: int, states: list[EntryState]) -> None:
        """Try entries again that failed in an earlier start."""
        positions = sorted(self.retriable)[:count]
        self.retriable -= set(positions)
        for position in positions:
            self.expected[position] = states[position]
        results = [chunk_result(*(outcome(p, states[p]) for p in positions), retried=True)]
        await self.commit(Batch(results=results if positions else []))

    async def repeat(self) -> None:
        """Commit the last batch of this start again."""
        if self.last:
            await self.commit(self.last)

    async def restart(self) -> None:
        """Start the run again."""
        self.run, self.last = await restarted(self.database, self.run), None
        self.retriable = {p for p, state in enumerate(self.expected) if state is EntryState.FAILED}

    async def zombie(self) -> None:
        """Let the earlier start commit after the run was started again."""
        before, late = self.store(), Batch(results=[chunk_result(outcome(0, EntryState.IMPORTED))])
        await self.restart()
        with pytest.raises(RunFencedError):
            await before.commit(late)

    async def commit(self, batch: Batch) -> None:
        """Commit in this start."""
        self.last = batch
        await self.store().commit(batch)

    def store(self) -> PostgresBatchStore:
        """A store of this start."""
        return store_of(self.database, self.run)

    async def check(self) -> None:
        """Compare what is expected with every table that tells of it."""
        async with self.database.transaction() as connection:
            entries = await connection.fetch(
                "SELECT state FROM cryoasync.run_entries WHERE run_id = $1 ORDER BY position", self.run.id
            )
            unresolved = await connection.fetch(
                "SELECT source_id::integer - 1 FROM cryoasync.failures"
                " WHERE run_id = $1 AND resolved_at IS NULL ORDER BY 1",
                self.run.id,
            )
        assert [record[0] for record in entries] == self.expected
        counts = (await repository(self.database).get(str(self.run.id))).counts
        assert {state: getattr(counts, state) for state in EntryState} == {
            state: self.expected.count(state) for state in EntryState
        }
        failed = [p for p, state in enumerate(self.expected) if state is EntryState.FAILED]
        assert [record[0] for record in unresolved] == failed
        left = PostgresPendingEntries(self.database, self.run)
        assert [entry.position async for _, page in left.pages() for entry in page] == [
            p for p, state in enumerate(self.expected) if state is EntryState.PENDING
        ]
        assert {entry.position async for page in left.failed() for entry in page} == self.retriable


def outcome(position: int, state: EntryState) -> EntryResult:
    """The result of an entry, with a failure where it failed."""
    failed = Failure(source_id=str(position + 1), kind=FailureKind.POISON, message="no", attempts=1)
    return entry_result(position, state, failures=[failed] if state is EntryState.FAILED else [])


async def live(database: Database, steps: list[tuple[Any, ...]]) -> None:
    """Go through the steps with a new run."""
    books = Books(database, await started_run(database, ENTRIES))
    for name, *arguments in steps:
        await getattr(books, name)(*arguments)
        await books.check()


def test_every_history_balances(postgres: EmbeddedServer) -> None:
    """States, counts, failures and what is left agree after each step."""
    with asyncio.Runner() as runner:

        @settings(max_examples=60)
        @given(steps=STEPS)
        def history(steps: list[tuple[Any, ...]]) -> None:
            runner.run(live(database, steps))

        async def prepare() -> Database:
            dsn = await stack.enter_async_context(temporary_database(postgres, TEMPLATE))
            return await stack.enter_async_context(open_database(DatabaseSettings(dsn=dsn)))

        stack = AsyncExitStack()
        database = runner.run(prepare())
        try:
            history()
        finally:
            runner.run(stack.aclose())
