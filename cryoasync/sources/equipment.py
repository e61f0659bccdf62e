"""What a source is given to process the chunks of one run."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cryoasync.chemistry.models import Descriptors, Rejected, Structure
from cryoasync.http.cache import ResponseCache
from cryoasync.ports import Clock, WallClock
from cryoasync.sources.asking.guards import Guards


class DescriptorPool(Protocol):
    """Computes descriptors off the event loop."""

    async def describe(
        self, structures: Sequence[tuple[str, Structure]]
    ) -> list[tuple[str, Descriptors | Rejected]]:
        """Return the descriptors of each structure, or why there are none."""
        ...


class RowLookup(Protocol):
    """Reads what earlier imports left in the database."""

    async def pairs(self, query: str, source_ids: Sequence[str]) -> dict[str, Any]:
        """Return source id and value, for those of ``source_ids`` that ``query`` finds a value for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of a source's as it was found.

    Attributes:
        release: that it is of, where one is told.
        total: how long it is.
        gaps: places of the run that held no compound of their own, as far as it was looked for what they missed.
    """

    release: str | None
    total: int
    gaps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntries:
    """What a run over a list of the source's knows.

    Attributes:
        listing: what the list was like when its places were made entries.
        ids: yields what the settled entries are known by, page by page.
    """

    listing: Listing
    ids: Callable[[], AsyncIterator[list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """Everything around one run that its source uses.

    Attributes:
        run_id: of the claimed run.
        base_url: where the source is reached; a simulator's, where one stands in.
        guards: stand around every request.
        cache: the response cache, if it is on.
        cache_origin: under what the cache keeps this source's answers.
        pool: computes descriptors, unless that is off.
        listed: where the entries are places in a list.
    """

    run_id: int
    base_url: str
    guards: Guards
    cache: ResponseCache | None
    cache_origin: str
    pool: DescriptorPool | None
    lookup: RowLookup
    clock: Clock
    wall_clock: WallClock
    listed: ListedEntries | None = None
