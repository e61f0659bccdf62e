"""The entries of a run that are still to be settled, read page by page along the primary key."""

from collections import deque
from collections.abc import AsyncIterator

from cryoasync.database.connection import Database
from cryoasync.database.runs.record import Run
from cryoasync.database.sql import statement
from cryoasync.models import Entry, Span

PAGE_POSITIONS = 10_000

_PENDING_SPANS = statement("pending_spans")
_PENDING = """
SELECT position, source_id
FROM cryoasync.run_inputs
WHERE run_id = $1 AND position >= $2 AND position < $3 AND state IS NULL
ORDER BY position
"""
_FAILED = """
SELECT position, source_id
FROM cryoasync.run_outcomes
WHERE run_id = $1 AND position > $2 AND state = 'failed' AND epoch < $3
ORDER BY position
LIMIT $4
"""


class PostgresPendingEntries:
    """What is left of a claimed run. Reading costs the same whatever is done already.

    The iterators keep their place: after a ``DatabaseUnavailableError`` the next step tries the same page.
    """

    def __init__(self, database: Database, run: Run) -> None:
        """Read the entries of a claimed run: its epoch tells which failures are of an earlier start."""
        self._database = database
        self._run = run

    def pages(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        """Yield spans of up to 10,000 positions with those of their entries that need work; see the port."""
        return _PendingPages(self._database, self._run)

    def failed(self) -> AsyncIterator[list[Entry]]:
        """Yield the entries that failed in an earlier start, up to 10,000 at a time; see the port."""
        return _FailedPages(self._database, self._run)


class _PendingPages:
    def __init__(self, database: Database, run: Run) -> None:
        self._database = database
        self._run = run
        self._spans: deque[Span] | None = None

    def __aiter__(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        return self

    async def __anext__(self) -> tuple[Span, list[Entry]]:
        if self._spans is None:
            self._spans = await self._pending_spans()
        if not self._spans:
            raise StopAsyncIteration
        rest = self._spans[0]
        span = Span(start=rest.start, stop=min(rest.start + PAGE_POSITIONS, rest.stop))
        async with self._database.transaction() as connection:
            records = await connection.fetch(_PENDING, self._run.id, span.start, span.stop)
        self._spans.popleft()
        if span.stop < rest.stop:
            self._spans.appendleft(Span(start=span.stop, stop=rest.stop))
        return span, [Entry(position=position, source_id=source_id) for position, source_id in records]

    async def _pending_spans(self) -> deque[Span]:
        async with self._database.transaction() as connection:
            records = await connection.fetch(_PENDING_SPANS, self._run.id)
        return deque(Span(start=start, stop=stop) for start, stop in records)


class _FailedPages:
    def __init__(self, database: Database, run: Run) -> None:
        self._database = database
        self._run = run
        self._last_position = -1

    def __aiter__(self) -> AsyncIterator[list[Entry]]:
        return self

    async def __anext__(self) -> list[Entry]:
        async with self._database.transaction() as connection:
            records = await connection.fetch(
                _FAILED, self._run.id, self._last_position, self._run.epoch, PAGE_POSITIONS
            )
        if not records:
            raise StopAsyncIteration
        self._last_position = records[-1]["position"]
        return [Entry(position=position, source_id=source_id) for position, source_id in records]
