"""The sources of compounds, by name: a new one is a folder beside this file and a line in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, tzinfo
from typing import Any, Protocol, runtime_checkable

from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.control.rate.slow_days import SlowDays
from cryoasync.ports import ChunkProcessor
from cryoasync.settings import Settings
from cryoasync.sources.chembl.source import ChemblSource
from cryoasync.sources.equipment import Equipment, Listing
from cryoasync.sources.identifiers import IdentifierScheme
from cryoasync.sources.pubchem.source import PubChemSource


class Source(Protocol):
    """What a run needs to know of a source."""

    @property
    def name(self) -> str:
        """The name in commands and tables."""
        ...

    @property
    def api(self) -> str:
        """What people call its interface."""
        ...

    @property
    def scheme(self) -> IdentifierScheme:
        """How the source's identifiers are written."""
        ...

    @property
    def base_url(self) -> str:
        """Where the source is reached."""
        ...

    @property
    def time_zone(self) -> tzinfo:
        """Where the source is, for the hours of its day."""
        ...

    @property
    def policy(self) -> RatePolicy:
        """What the source allows."""
        ...

    @property
    def slow_days(self) -> SlowDays | None:
        """On which days of its week it is asked more slowly."""
        ...

    @property
    def most_under_way(self) -> int | None:
        """How many requests may be under way at most, where a source has no quota and the best number is found out.

        ``None`` where the policy alone decides.
        """
        ...

    @property
    def requests_per_chunk(self) -> int:
        """How many requests a chunk takes when all goes well."""
        ...

    def row_settings(self) -> Mapping[str, Any]:
        """Return the settings that make two runs over the same input different."""
        ...

    def fresh_compounds(self, since: datetime) -> tuple[str, tuple[Any, ...]]:
        """Return a query for the ids ``$1`` that need not be asked for, and its further arguments."""
        ...

    def cached_endpoints(self, kept: Iterable[str]) -> Mapping[str, str]:
        """Return the cache's keys of answers that a run would take or has left, by what to call them.

        ``kept`` are the keys that the cache has.
        """
        ...

    def processor(self, equipment: Equipment) -> AbstractAsyncContextManager[ChunkProcessor]:
        """Open what processes the chunks of one run."""
        ...


@runtime_checkable
class ListSource(Source, Protocol):
    """A source that can also be asked for a list: compounds by their places in it, whose ids are not known before."""

    @property
    def list_digest(self) -> str | None:
        """What identifies the list that the settings ask for; ``None`` where they do not."""
        ...

    @property
    def list_conditions(self) -> Sequence[str]:
        """What compounds of the list must fulfil, as it was asked for."""
        ...

    @property
    def most_listed(self) -> int:
        """How many compounds the source has, by what is known without asking it."""
        ...

    @property
    def list_page(self) -> int:
        """How many places one request may ask for; no request may reach across a multiple of it."""
        ...

    def place(self, position: int) -> str:
        """Return what an entry is known by until the compound at its place is."""
        ...

    async def survey(self, equipment: Equipment) -> Listing:
        """Return what the list is like.

        Raises:
            UsageError: the source would not do what is asked.
            SourceError: it is out of reach beyond the patience, or does not speak its API.
        """
        ...


SOURCES: Mapping[str, Callable[[Settings], Source]] = {"pubchem": PubChemSource, "chembl": ChemblSource}
