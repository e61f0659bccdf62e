"""Which release of ChEMBL answers: looked up at the start, and again from time to time, for a new one may come out."""

import asyncio

import msgspec
import structlog

from cryoasync.ports import ActivityReport, Clock
from cryoasync.sources.asking.fetch import Found
from cryoasync.sources.chembl.aside import Aside, unheard
from cryoasync.sources.chembl.endpoints import OBJECTS, STATUS

LOOK_AGAIN_SECONDS = 600.0
"""The status takes ChEMBL up to half a minute, so it is not asked for lightly."""

_log = structlog.get_logger(__name__)


class _Status(msgspec.Struct):
    chembl_db_version: str


_decoder = msgspec.json.Decoder(_Status)


class ReleaseWatch:
    """Knows the release in force, to within the time between two looks."""

    def __init__(self, aside: Aside, *, clock: Clock) -> None:
        """Ask ``aside``."""
        self._aside = aside
        self._clock = clock
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
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

    async def look(self, report: ActivityReport = unheard) -> str | None:
        """Ask for the release now, and return it; errors are those of :meth:`known`."""
        fetch = await self._aside.fetch(OBJECTS, [STATUS], report)
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
        """Look again with the next call, for a list that moves tells of a new release."""
        if self._looked_at is not None:
            self._looked_at = min(self._looked_at, self._clock() - LOOK_AGAIN_SECONDS)

    def _is_old(self) -> bool:
        return self._looked_at is not None and self._clock() >= self._looked_at + LOOK_AGAIN_SECONDS


def _release_of(raw: msgspec.Raw) -> str | None:
    try:
        return _decoder.decode(raw).chembl_db_version
    except msgspec.MsgspecError:
        return None
