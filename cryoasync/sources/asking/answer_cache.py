"""Asks the response cache first, and the client for what the cache does not have."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic

import msgspec

from cryoasync.http.cache import ResponseCache
from cryoasync.models import Attempt, Entry
from cryoasync.ports import ActivityReport, WallClock
from cryoasync.sources.asking.api import E
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.asking.fetch import Answer, Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """An answer for each entry, by source id, and the requests that they took."""

    by_id: dict[str, Answer]
    attempts: tuple[Attempt, ...]


class CachedClient(Generic[E]):
    """The client behind the cache. A hit takes no permit.

    Faults and absences are never kept, nor are rows that say nothing or cannot be read: they may be of the
    moment, and an older answer is worth more.
    """

    def __init__(
        self,
        client: SourceClient[E],
        cache: ResponseCache | None,
        *,
        origin: str,
        max_age_seconds: float,
        wall_clock: WallClock,
    ) -> None:
        """Take answers up to ``max_age_seconds`` old from ``cache``, under the host's ``origin``; 0 takes none."""
        self._client = client
        self._cache = cache
        self._origin = origin
        self._max_age_seconds = max_age_seconds
        self._wall_clock = wall_clock

    async def fetch(self, endpoint: E, entries: Sequence[Entry], report: ActivityReport) -> Answers:
        """Return an answer for each of ``entries``; errors are those of :meth:`SourceClient.fetch`."""
        answers: dict[str, Answer] = {}
        if self._max_age_seconds > 0:
            answers = await self._cached(endpoint, entries, self._max_age_seconds)
        missing = [entry for entry in entries if entry.source_id not in answers]
        if not missing:
            return Answers(by_id=answers, attempts=())
        fetch = await self._client.fetch(endpoint, missing, report)
        await self._keep(endpoint, fetch.answers)
        return Answers(by_id=answers | fetch.answers, attempts=tuple(fetch.attempts))

    async def remembered(self, endpoint: E, entries: Sequence[Entry]) -> dict[str, Answer]:
        """Return what the cache has of ``entries``, however old."""
        return await self._cached(endpoint, entries, float("inf"))

    async def _cached(
        self, endpoint: E, entries: Sequence[Entry], max_age_seconds: float
    ) -> dict[str, Answer]:
        if self._cache is None or not entries:
            return {}
        hits = await self._cache.get_many(
            self._origin,
            endpoint.cache_key,
            [entry.source_id for entry in entries],
            now=self._wall_clock().timestamp(),
            max_age_seconds=max_age_seconds,
        )
        return {
            source_id: Found(
                raw=msgspec.Raw(hit.payload), answered_at=datetime.fromtimestamp(hit.fetched_at, UTC)
            )
            for source_id, hit in hits.items()
        }

    async def _keep(self, endpoint: E, answers: dict[str, Answer]) -> None:
        if self._cache is None:
            return
        by_time: defaultdict[datetime, dict[str, bytes]] = defaultdict(dict)
        for source_id, answer in answers.items():
            if isinstance(answer, Found) and endpoint.tells(answer.raw):
                by_time[answer.answered_at][source_id] = bytes(answer.raw)
        for answered_at, payloads in by_time.items():
            await self._cache.put_many(
                self._origin, endpoint.cache_key, payloads, fetched_at=answered_at.timestamp()
            )
