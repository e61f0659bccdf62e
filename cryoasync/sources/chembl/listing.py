"""Sees to it that a run over a list has every molecule of it, whatever moved meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import structlog

from cryoasync.errors import SourceUnavailableError
from cryoasync.models import Attempt
from cryoasync.ports import WallClock
from cryoasync.sources.asking.fetch import Found
from cryoasync.sources.chembl.answers import NOBODY
from cryoasync.sources.chembl.conversation import Conversation
from cryoasync.sources.chembl.endpoints import PAGE, Endpoint, listed_ids, place
from cryoasync.sources.chembl.processor import ChemblProcessor, ImportOptions
from cryoasync.sources.chembl.query import listing_of
from cryoasync.sources.chembl.records import read_chembl_id
from cryoasync.sources.chembl.seen import SeenIds
from cryoasync.sources.equipment import DescriptorPool, Listing

MOST_LISTINGS = 3
"""How often a list is read through where it changes every time."""

_log = structlog.get_logger(__name__)


class ListProcessor(ChemblProcessor):
    """Processes the places of a list, and knows afterwards what they missed.

    A place says what stood there when it was asked for. Where the list changed meanwhile, some molecules were met in
    two places, and others in none.
    """

    def __init__(
        self,
        talk: Conversation,
        seen: SeenIds,
        pool: DescriptorPool | None,
        options: ImportOptions,
        *,
        before: Listing,
        wall_clock: WallClock,
    ) -> None:
        """Process as any other; ``before`` is the list as it was when its places were counted."""
        super().__init__(talk, seen, pool, options, wall_clock=wall_clock)
        self._before = self._now = before

    async def missing_ids(self, *, gaps: int) -> Sequence[str]:
        """Return the ids that stand in the list now and were in no place; see the port."""
        before, now = self._before, await listing_of(self._talk, self._options.filters)
        self._now = replace(now, gaps=gaps)
        if self._now == before:
            return ()
        _log.warning(
            "ChEMBL's list changed while it was imported; reading its ids",
            release_before=before.release,
            release_now=now.release,
            molecules_before=before.total,
            molecules_now=now.total,
        )
        for _ in range(MOST_LISTINGS):
            listed = await self._listed(now.total)
            after = await listing_of(self._talk, self._options.filters)
            self._now = replace(after, gaps=gaps)
            if after == now and len(listed) == now.total:
                break
            now = after
        missing = list(listed.without(self._seen))
        _log.warning("ids read", molecules=len(listed), missed_so_far=len(missing))
        return missing

    def listing(self) -> Mapping[str, Any]:
        """Return what the list was like when it was read last."""
        return asdict(self._now)

    def take_attempts(self) -> Sequence[Attempt]:
        """Return the requests that this took."""
        return self._talk.aside.take_attempts()

    async def _listed(self, total: int) -> SeenIds:
        ids = SeenIds()
        for start in range(0, total, PAGE):
            places = [place(position) for position in range(start, min(start + PAGE, total))]
            ids.add_all(await _ids_at(self._talk, listed_ids(self._options.filters), places))
        return ids


async def _ids_at(talk: Conversation, endpoint: Endpoint, places: Sequence[str]) -> list[str]:
    fetch = await talk.aside.fetch(endpoint, places)
    ids = []
    for answer in fetch.answers.values():
        if not isinstance(answer, Found):
            raise SourceUnavailableError(
                f"ChEMBL does not tell which molecules it lists: {answer}",
                hint="Progress is saved. Run the same command again later.",
            )
        if answer.raw != NOBODY:
            ids.append(read_chembl_id(answer.raw))
    return ids
