"""Cuts the pending entries of a run into chunks, in order."""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count

from cryoasync.models import Chunk, Entry, Span
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.ports import PendingEntries

NextSize = Callable[[], int]
"""Decides how many entries the next chunk takes: at least 1."""


class ChunkGenerator:
    """Yields the entries never settled first, then those that failed in an earlier start."""

    def __init__(self, pending: PendingEntries, next_size: NextSize, patience: DatabasePatience) -> None:
        """Cut ``pending`` as ``sizer`` says; ``patience`` waits for a database that does not give more."""
        self._pending = pending
        self._patience = patience
        self._next_size = next_size
        self._numbers = count(1)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield chunks whose spans follow one another, so that the checkpoint stays small.

        Raises:
            DatabaseUnavailableError: the database was out of reach for longer than the patience.
        """
        pages = self._pending.pages()
        while page := await self._patience.keep_trying(lambda: anext(pages, None)):
            span, entries = page
            start = span.start
            for group, is_last in self._groups(entries):
                stop = span.stop if is_last else group[-1].position + 1
                yield Chunk(
                    number=next(self._numbers), entries=tuple(group), span=Span(start=start, stop=stop)
                )
                start = stop
        failures = self._pending.failed()
        while failed := await self._patience.keep_trying(lambda: anext(failures, None)):
            for group, _ in self._groups(failed):
                if group:
                    yield Chunk(number=next(self._numbers), entries=tuple(group), span=None)

    async def feed(self, chunks: Channel[Chunk], stop: StopRequest) -> None:
        """Send chunks until there are no more or a stop is asked for, then close the channel."""
        async for chunk in self.chunks():
            if stop.is_set:
                break
            await chunks.send(chunk)
        chunks.close()

    def _groups(self, entries: Sequence[Entry]) -> list[tuple[Sequence[Entry], bool]]:
        """Cut one page; a page without entries gives one empty group, so that its span is settled too."""
        groups: list[tuple[Sequence[Entry], bool]] = []
        start = 0
        while start < len(entries) or not groups:
            stop = start + self._next_size()
            groups.append((entries[start:stop], stop >= len(entries)))
            start = stop
        return groups
