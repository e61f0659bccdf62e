"""Which release of ChEMBL answers: looked up at the start, and again from time to time, for a new one may come out."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import structlog

from cryoasync.models import Attempt, Entry, Span
from cryoasync.ports import ActivityReport, Clock
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.asking.fetch import Found
from cryoasync.sources.chembl.endpoints import OBJECTS, STATUS, Endpoint

LOOK_AGAIN_SECONDS = 600.0
"""The status takes ChEMBL up to half a minute, so it is not asked for lightly."""

_NO_ENTRY = Span(start=0, stop=0)

_log = structlog.get_logger(__name__)


class _Status(msgspec.Struct):
    chembl_db_version: str


_decoder = msgspec.json.Decoder(_Status)


class ReleaseWatch:
    """Knows the release in force, to within the time between two looks."""

    def __init__(self, client: SourceClient[Endpoint], *, clock: Clock) -> None:
        """Ask through a client of its own: so slow an answer says nothing of what the others bear."""
        self._client = client
        self._clock = clock
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._attempts: list[Attempt] = []
        self.release: str | None = None

    async def known(self, report: ActivityReport) -> str | None:
        """Return the release in force, ``None`` where ChEMBL does not tell it.

        The first call waits for the answer, and so do those beside it; later ones only while they look themselves.

        Raises:
            SourceError: ChEMBL is out of reach beyond the patience, or never spoke its API.
        """
        if self._looked_at is None or (self._is_old() and not self._looking.locked()):
            async with self._looking:
                if self._looked_at is None or self._is_old():
                    await self.look(report)
        return self.release

    async def look(self, report: ActivityReport) -> str | None:
        """Ask for the release now, and return it; errors are those of :meth:`known`."""
        fetch = await self._client.fetch(OBJECTS, [Entry(position=0, source_id=STATUS)], report)
        self._attempts += fetch.attempts
        found = fetch.answers[STATUS]
        release = _release_of(found.raw) if isinstance(found, Found) else None
        if release is None:
            _log.warning("ChEMBL does not tell its release", said=str(found)[:200])
        elif self.release is not None and release != self.release:
            _log.warning("ChEMBL has a new release", before=self.release, now=release)
        self.release = release or self.release
        self._looked_at = self._clock()
        return self.release

    def doubt(self) -> None:
        """Look again with the next call, for something tells of a new release."""
        if self._looked_at is not None:
            self._looked_at = min(self._looked_at, self._clock() - LOOK_AGAIN_SECONDS)

    def take_attempts(self) -> Sequence[Attempt]:
        """Return the requests made since the last call; they are about no entry."""
        attempts, self._attempts = self._attempts, []
        return [replace(attempt, span=_NO_ENTRY) for attempt in attempts]

    def _is_old(self) -> bool:
        return self._looked_at is not None and self._clock() >= self._looked_at + LOOK_AGAIN_SECONDS


def _release_of(raw: msgspec.Raw) -> str | None:
    try:
        return _decoder.decode(raw).chembl_db_version
    except msgspec.MsgspecError:
        return None
