"""Stand-ins for what the pipeline needs of the world: small, and strict about the promises."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import Generic, TypeVar

from cryoasync.errors import CryoasyncError, DatabaseUnavailableError
from cryoasync.models import (
    Activity,
    Batch,
    Chunk,
    ChunkResult,
    CommitReport,
    Entry,
    EntryResult,
    EntryState,
    RunCounts,
    Span,
)
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.ports import ActivityReport
from tests.unit.virtual_time import now

T = TypeVar("T")

PENDING, FAILED = EntryState.PENDING, EntryState.FAILED
SETTLED = frozenset({EntryState.IMPORTED, EntryState.NOT_FOUND, FAILED})


def entry(position: int) -> Entry:
    return Entry(position=position, source_id=str(position))


def chunk(number: int, start: int = 0, stop: int = 1) -> Chunk:
    entries = tuple(entry(position) for position in range(start, stop))
    return Chunk(number=number, entries=entries, span=Span(start=start, stop=stop))


def result(of: Chunk, state: EntryState = EntryState.IMPORTED) -> ChunkResult:
    return ChunkResult(chunk=of, entries=tuple(EntryResult(entry=each, state=state) for each in of.entries))


def breaker() -> DatabaseBreaker:
    return DatabaseBreaker(clock=asyncio.get_running_loop().time)


def patience(seconds: float = 3600.0, tells: DatabaseBreaker | None = None) -> DatabasePatience:
    clock = asyncio.get_running_loop().time
    return DatabasePatience(
        seconds, tells or breaker(), drowning_seconds=10.0, clock=clock, rng=random.Random(1)
    )


def errors_in(error: BaseException) -> list[BaseException]:
    """The errors of a group, however deep."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in errors_in(each)]
    return [error]


class FixedSize:
    """Gives the sizes of a cycle."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = sizes
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self._sizes[(self.asked - 1) % len(self._sizes)]


class Processor:
    """Settles each chunk after a while; ``meet`` may raise instead."""

    def __init__(
        self,
        seconds: Callable[[Chunk], float] = lambda _: 1.0,
        meet: Callable[[Chunk], None] = lambda _: None,
        state: Callable[[Entry], EntryState] = lambda _: EntryState.IMPORTED,
    ) -> None:
        self._seconds = seconds
        self._meet = meet
        self._state = state
        self.begun: list[int] = []

    async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
        self.begun.append(chunk.number)
        report(Activity.FETCHING)
        await asyncio.sleep(self._seconds(chunk))
        self._meet(chunk)
        settled = tuple(EntryResult(entry=each, state=self._state(each)) for each in chunk.entries)
        return ChunkResult(chunk=chunk, entries=settled)


class MemoryRun:
    """The input of a run and its books, kept as the database keeps them; a batch that breaks a promise fails.

    ``troubles`` come true one by one, a commit or a page each: ``refuse`` the operation, leave it ``unanswered``,
    or let it ``pass``.
    """

    def __init__(self, size: int, *, page: int = 10, invalid: Collection[int] = ()) -> None:
        self.states = [EntryState.INVALID if each in invalid else PENDING for each in range(size)]
        self.covered: set[int] = set()
        self.retriable: set[int] = set()
        self.batches: list[Batch] = []
        self.committed_at: list[float] = []
        self.commit_seconds = 0.0
        self.troubles: list[str] = []
        self.commit_error: CryoasyncError | None = None
        self._page = page

    def start_again(self) -> None:
        """Begin a start: what failed may be tried once more."""
        self.retriable = {position for position, state in enumerate(self.states) if state is FAILED}

    @property
    def counts(self) -> RunCounts:
        return RunCounts(**{state.value: self.states.count(state) for state in EntryState})

    @property
    def uncovered(self) -> list[int]:
        return [position for position in range(len(self.states)) if position not in self.covered]

    def pages(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        return _Pages(self, list(self._pending_pages()))

    def failed(self) -> AsyncIterator[list[Entry]]:
        positions = sorted(self.retriable)
        return _Pages(
            self,
            [
                [entry(position) for position in positions[start : start + self._page]]
                for start in range(0, len(positions), self._page)
            ],
        )

    async def commit(self, batch: Batch) -> CommitReport:
        await asyncio.sleep(self.commit_seconds)
        trouble = self.next_trouble()
        if self.commit_error is not None:
            raise self.commit_error
        if trouble == "refuse":
            raise DatabaseUnavailableError("refused")
        if not any(batch is each for each in self.batches):
            self.batches.append(batch)
            self.committed_at.append(now())
            for each in batch.results:
                self._settle(each)
        if trouble == "unanswered":
            raise DatabaseUnavailableError("no answer")
        rows = sum(len(each.entries) for each in batch.results)
        return CommitReport(counts=self.counts, rows=rows, refused=0)

    def next_trouble(self) -> str:
        return self.troubles.pop(0) if self.troubles else "pass"

    def _settle(self, settled: ChunkResult) -> None:
        assert tuple(each.entry for each in settled.entries) == settled.chunk.entries
        assert {each.state for each in settled.entries} <= SETTLED
        positions = [each.position for each in settled.chunk.entries]
        if settled.chunk.span is None:
            assert set(positions) <= self.retriable, "tried again though it did not fail before, or twice"
            self.retriable -= set(positions)
        else:
            span = range(settled.chunk.span.start, settled.chunk.span.stop)
            assert self.covered.isdisjoint(span), "settled twice"
            assert positions == [each for each in span if self.states[each] is PENDING]
            self.covered.update(span)
        for each in settled.entries:
            self.states[each.entry.position] = each.state

    def _pending_pages(self) -> Iterable[tuple[Span, list[Entry]]]:
        left = self.uncovered
        while left:
            start = stop = left[0]
            while left and left[0] == stop and stop - start < self._page:
                stop = left.pop(0) + 1
            wanted = [entry(each) for each in range(start, stop) if self.states[each] is PENDING]
            yield Span(start=start, stop=stop), wanted


class _Pages(Generic[T]):
    """An iterator that keeps its place when the database is away."""

    def __init__(self, run: MemoryRun, pages: list[T]) -> None:
        self._run = run
        self._pages = pages

    def __aiter__(self) -> "_Pages[T]":
        return self

    async def __anext__(self) -> T:
        if not self._pages:
            raise StopAsyncIteration
        if self._run.next_trouble() != "pass":
            raise DatabaseUnavailableError("no page")
        return self._pages.pop(0)
