"""What a run over a list of the source's needs beside what every run does."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.runs.listed_entries import add_entries, ids_of_settled_entries
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import Run
from cryoasync.models import Batch, Entry, Span
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.ports import ListReader
from cryoasync.settings import ChunkSizeRange, Settings
from cryoasync.sources.equipment import ListedEntries, Listing
from cryoasync.sources.registry import ListSource, Source


def listed_entries(database: Database, run: Run) -> ListedEntries | None:
    """Return what is known of the list of a run; ``None`` where it is over ids."""
    if run.listing is None:
        return None
    return ListedEntries(listing=Listing(**run.listing), ids=lambda: ids_of_settled_entries(database, run))


def by_pages(settings: Settings, source: Source) -> Settings:
    """Return settings with which each chunk is a page of the source's lists, and no more compounds wait than usual."""
    assert isinstance(source, ListSource)
    run, page = settings.run, source.list_page
    changed = {
        "chunk_size": ChunkSizeRange(minimum=page, maximum=page),
        "result_queue_size": max(1, run.result_queue_size * run.chunk_size.maximum // page),
    }
    return settings.model_copy(update={"run": run.model_copy(update=changed)})


class MissedEntries:
    """The :class:`~cryoasync.ports.PendingEntries` of a list that its places missed, added to the run when read."""

    def __init__(
        self, database: Database, run: Run, reader: ListReader, checkpoints: CheckpointManager
    ) -> None:
        """Ask ``reader`` for them once every place is settled."""
        self._database = database
        self._run = run
        self._reader = reader
        self._checkpoints = checkpoints
        self._ids: Sequence[str] = ()
        self.are_found = False

    async def find(self) -> None:
        """Find them out, which comes before reading.

        Raises:
            SourceError: the source is out of reach beyond the patience.
            DatabaseUnavailableError: the database is.
        """
        self._ids = await self._reader.missing_ids(gaps=self._checkpoints.counts.not_found)
        await self._checkpoints.commit(Batch(results=(), attempts=self._reader.take_attempts()))
        self.are_found = True

    def pages(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        """Yield those that were found; see the port."""
        if not self.are_found:
            return _Nothing()
        return _MissedPages(self._database, self._run, self._ids, self._reader.listing(), self._checkpoints)

    def failed(self) -> AsyncIterator[list[Entry]]:
        """Yield nothing: those that failed before were tried again with the places."""
        return _Nothing()


class _Nothing:
    def __aiter__(self) -> "_Nothing":
        return self

    async def __anext__(self) -> Any:
        raise StopAsyncIteration


class _MissedPages:
    def __init__(
        self,
        database: Database,
        run: Run,
        ids: Sequence[str],
        listing: Mapping[str, Any],
        checkpoints: CheckpointManager,
    ) -> None:
        self._database = database
        self._run = run
        self._ids = ids
        self._listing = listing
        self._checkpoints = checkpoints
        self._added: AsyncIterator[tuple[Span, list[Entry]]] | None = None

    def __aiter__(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        return self

    async def __anext__(self) -> tuple[Span, list[Entry]]:
        if self._added is None:
            self._checkpoints.counts = await add_entries(self._database, self._run, self._ids, self._listing)
            self._added = PostgresPendingEntries(self._database, self._run).pages()
        return await anext(self._added)
