"""The two ends of the pipeline where only the cache is filled: what it lacks, and a tally instead of rows."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from cryoasync.http.cache import ResponseCache
from cryoasync.models import Batch, CommitReport, Entry, EntryState, Failure, RunCounts, Span
from cryoasync.ports import WallClock
from cryoasync.service.run_start import blocks_of
from cryoasync.sources.input import InputDigest, InputEntry, InputList

PAGE_ENTRIES = 10_000
FAILURES_KEPT = 20


class EntriesToFetch:
    """The :class:`~cryoasync.ports.PendingEntries` that the cache has no full answer for.

    They are gathered over the whole input, so that each request is full however few of them there are.
    """

    def __init__(
        self,
        inputs: InputList,
        cache: ResponseCache,
        origin: str,
        endpoints: Sequence[str],
        *,
        max_age_seconds: float,
        wall_clock: WallClock,
    ) -> None:
        """Take for a full answer one of each of ``endpoints`` that is at most ``max_age_seconds`` old."""
        self.at_hand = 0
        self._inputs = inputs
        self._cache = cache
        self._origin = origin
        self._endpoints = endpoints
        self._max_age_seconds = max_age_seconds
        self._wall_clock = wall_clock

    async def pages(self) -> AsyncIterator[tuple[Span, list[Entry]]]:
        """Yield what is to be fetched, and count what is not."""
        page: list[Entry] = []
        start = position = 0
        async for block in blocks_of(self._inputs):
            ids = [entry.source_id for entry in block.entries if isinstance(entry, InputEntry)]
            usable = await self._usable(ids)
            self.at_hand += len(usable)
            page += [
                Entry(position=position + offset, source_id=source_id)
                for offset, source_id in enumerate(ids)
                if source_id not in usable
            ]
            position += len(ids)
            if len(page) >= PAGE_ENTRIES:
                yield Span(start=start, stop=position), page
                page, start = [], position
        if page:
            yield Span(start=start, stop=position), page

    async def failed(self) -> AsyncIterator[list[Entry]]:
        """Yield nothing: there was no earlier start."""
        nothing: tuple[list[Entry], ...] = ()
        for page in nothing:
            yield page

    async def _usable(self, ids: Sequence[str]) -> set[str]:
        usable, now = set(ids), self._wall_clock().timestamp()
        for endpoint in self._endpoints:
            usable &= await self._cache.usable_ids(
                self._origin, endpoint, ids, now=now, max_age_seconds=self._max_age_seconds
            )
        return usable


class Tally:
    """The :class:`~cryoasync.ports.BatchStore` that only counts: the answers are in the cache already."""

    def __init__(self, digest: InputDigest, entries: EntriesToFetch) -> None:
        """Count the ``entries`` of the input that ``digest`` stands for."""
        self.settled: Counter[EntryState] = Counter()
        self.failures: list[Failure] = []
        self._digest = digest
        self._entries = entries

    async def commit(self, batch: Batch) -> CommitReport:
        """Count the results of ``batch``, and keep the first failures."""
        for result in batch.results:
            for entry in result.entries:
                self.settled[entry.state] += 1
                self.failures += entry.failures[: FAILURES_KEPT - len(self.failures)]
        return CommitReport(counts=self.counts(), rows=0, refused=0)

    def counts(self) -> RunCounts:
        """Return what became of the entries so far; those in the cache count as imported, as in a run."""
        at_hand = self._entries.at_hand
        return RunCounts(
            imported=at_hand + self.settled[EntryState.IMPORTED],
            not_found=self.settled[EntryState.NOT_FOUND],
            failed=self.settled[EntryState.FAILED],
            invalid=self._digest.invalid,
            pending=self._digest.valid - at_hand - self.settled.total(),
        )


class NoRows:
    """The :class:`~cryoasync.sources.equipment.RowLookup` where no database is asked."""

    async def pairs(self, query: str, source_ids: Sequence[str]) -> dict[str, Any]:
        """Return nothing."""
        del query, source_ids
        return {}
