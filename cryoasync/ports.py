"""What the pipeline needs of the world, as narrow protocols."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from cryoasync.models import (
    Activity,
    Attempt,
    Batch,
    Chunk,
    ChunkResult,
    CommitReport,
    Entry,
    Span,
    WriteStatistics,
)

Clock = Callable[[], float]
"""Seconds that never run backwards, as ``asyncio``'s ``loop.time``."""


WallClock = Callable[[], datetime]
"""The time of day, in UTC."""

ActivityReport = Callable[[Activity], None]
"""Told by whoever works on a chunk what is being done now."""


class PendingEntries(Protocol):
    """The entries of a run that are still to be settled.

    The iterators keep their place: after a ``DatabaseUnavailableError`` the next step tries the same page.
    """

    def pages(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        """Yield consecutive spans in order, each with those of its entries that need work.

        Spans follow one another without gaps inside a block of the checkpoint, so that settling them leaves
        no holes; a span ends at the latest at the end of its block. Memory stays flat for any length.
        """
        ...

    def failed(self) -> AsyncIterator[list[Entry]]:
        """Yield the entries that failed in an earlier start of the run, page by page."""
        ...


class BatchStore(Protocol):
    """Keeps batches."""

    async def commit(self, batch: Batch) -> CommitReport:
        """Write rows, failures, requests and checkpoint of ``batch`` in one transaction.

        Committing the same batch twice changes nothing, so a commit whose outcome is unknown is repeated.

        Raises:
            DatabaseUnavailableError: nothing is known to be written; try again later.
            RunFencedError: another process has taken the run over; nothing was written.
        """
        ...


class BatchWriter(Protocol):
    """Writes what a batch store commits, and learns from it."""

    def optimize_batch_size(self) -> int:
        """Return how many rows the next batch best has."""
        ...

    def get_stats(self) -> WriteStatistics:
        """Return what was written so far."""
        ...


class ChunkProcessor(Protocol):
    """Turns a chunk into a result: the source's client, the cache and the chemistry behind one call."""

    async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
        """Settle every entry of ``chunk``, telling ``report`` of each step.

        A compound that fails for good is a value in the result.

        Raises:
            SourceError: the source is out of reach beyond the patience set, or does not speak its API.
        """
        ...


@runtime_checkable
class ListReader(Protocol):
    """A processor of places in a list of the source's, which may move while it is read."""

    async def missing_ids(self, *, gaps: int) -> Sequence[str]:
        """Return the ids that stand in the list now and were met in no place.

        Args:
            gaps: how many places held no compound of their own.

        Raises:
            SourceError: the source is out of reach beyond the patience set.
        """
        ...

    def listing(self) -> Mapping[str, Any]:
        """Return what the list was like then, as a JSON object; while it stays so nothing more is missing."""
        ...

    def take_attempts(self) -> Sequence[Attempt]:
        """Return the requests made for that since the last call."""
        ...
