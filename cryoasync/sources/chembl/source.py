"""ChEMBL as a source of molecules: what a run of it is, and how its chunks are processed."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy
from cryoasync.control.rate.slow_days import SlowDays
from cryoasync.errors import UsageError
from cryoasync.http.transport import Transport
from cryoasync.settings import RdkitMode, Settings, Weekday
from cryoasync.sources.chembl.conversation import Conversation
from cryoasync.sources.chembl.endpoints import MOLECULES_KEY, PAGE, place
from cryoasync.sources.chembl.identifiers import CHEMBL_SCHEME
from cryoasync.sources.chembl.listing import ListProcessor
from cryoasync.sources.chembl.processor import SOURCE, ChemblProcessor, ImportOptions
from cryoasync.sources.chembl.query import Query
from cryoasync.sources.chembl.seen import SeenIds
from cryoasync.sources.chembl.table import FRESH_MOLECULES
from cryoasync.sources.equipment import Equipment, Listing
from cryoasync.sources.identifiers import IdentifierScheme

MOLECULES_OF_RELEASE_37 = 2_921_148
"""By its release notes of May 2026; each release has had some per cent more than the one before."""


class ChemblSource:
    """Molecules by ChEMBL id from ChEMBL's data API, or all that a list has."""

    name = SOURCE
    api = "ChEMBL's data API"
    scheme: IdentifierScheme = CHEMBL_SCHEME
    time_zone: tzinfo = ZoneInfo("Europe/London")
    requests_per_chunk = 1
    list_page = PAGE
    most_listed = MOLECULES_OF_RELEASE_37

    def __init__(self, settings: Settings) -> None:
        """Ask for what ``settings`` say.

        Raises:
            UsageError: a condition there is none, or contradicts the wish for everything.
        """
        self._settings = settings
        chembl = settings.chembl
        if chembl.where and chembl.everything:
            raise UsageError("Conditions and --all contradict each other.", hint="Give one of them.")
        self.query = Query.of(chembl.where) if chembl.where or chembl.everything else None

    @property
    def base_url(self) -> str:
        """The address of the data API."""
        return self._settings.chembl.base_url

    @property
    def list_digest(self) -> str | None:
        """What identifies the list that is asked for; ``None`` where ids are."""
        return None if self.query is None else self.query.sha256

    @property
    def list_conditions(self) -> Sequence[str]:
        """The conditions of ``--where``."""
        return self._settings.chembl.where

    def place(self, position: int) -> str:
        """Return what a place in the list is known by."""
        return place(position)

    @property
    def policy(self) -> RatePolicy:
        """What is modest, lowered by ``--max-rate``: ChEMBL itself publishes no limit."""
        limit = self._settings.chembl.requests_per_second
        counts = (CountWindow(limit=limit, seconds=1.0),) if limit else ()
        return RatePolicy(counts=counts).lowered_to(self._settings.run.max_rate)

    @property
    def slow_days(self) -> SlowDays | None:
        """Those that were set."""
        chembl = self._settings.chembl
        weekdays = frozenset(map(list(Weekday).index, chembl.slow_days))
        return SlowDays(weekdays=weekdays, requests_per_second=chembl.slow_rate) if weekdays else None

    @property
    def most_under_way(self) -> int:
        """What is modest, and not more than there are workers."""
        return min(self._settings.chembl.most_under_way, self._settings.run.concurrent_chunks)

    def row_settings(self) -> Mapping[str, Any]:
        """Return the settings that change rows, and so make two runs different."""
        run = self._settings.run
        settings = {"rdkit": run.rdkit.value, "limit": run.limit}
        if self.query is None:
            return settings
        return {**settings, "where": self.query.conditions, "everything": self._settings.chembl.everything}

    def fresh_compounds(self, since: datetime) -> tuple[str, tuple[Any, ...]]:
        """Return the query, and its arguments, for the ids that need not be asked for again."""
        return FRESH_MOLECULES, (since,)

    def cached_endpoints(self, kept: Iterable[str]) -> Mapping[str, str]:
        """Return the molecules of each release that there are answers of."""
        return {key: key for key in kept if key.startswith(MOLECULES_KEY)}

    @asynccontextmanager
    async def processor(self, equipment: Equipment) -> AsyncIterator[ChemblProcessor]:
        """Open the connections to ChEMBL for one claimed run."""
        options = ImportOptions(
            run_id=equipment.run_id,
            filters=() if self.query is None else self.query.filters,
            compute_all=self._settings.run.rdkit is RdkitMode.ALL,
        )
        seen, listed = SeenIds(), equipment.listed
        async with self._conversation(equipment) as talk:
            if listed is None:
                yield ChemblProcessor(talk, seen, equipment.pool, options, wall_clock=equipment.wall_clock)
                return
            async for ids in listed.ids():
                seen.add_all(ids)
            if self._settings.run.limit is not None:
                # Only the first places are wanted, whatever stands there.
                yield ChemblProcessor(talk, seen, equipment.pool, options, wall_clock=equipment.wall_clock)
                return
            yield ListProcessor(
                talk,
                seen,
                equipment.pool,
                options,
                before=listed.listing,
                wall_clock=equipment.wall_clock,
            )

    async def survey(self, equipment: Equipment) -> Listing:
        """Return what the list is like that is asked for; errors are those of :meth:`Query.survey`."""
        assert self.query is not None, "there is no list where ids are asked for"
        async with self._conversation(equipment) as talk:
            return await self.query.survey(talk)

    @asynccontextmanager
    async def _conversation(self, equipment: Equipment) -> AsyncIterator[Conversation]:
        """Open the connections to ChEMBL."""
        async with Transport.open(
            equipment.guards.limiter,
            # One more than are under way, for the status.
            connections=self.most_under_way + 1,
            timeout_seconds=self._settings.chembl.request_timeout_seconds,
            contact=self._settings.contact,
            clock=equipment.clock,
        ) as transport:
            run = self._settings.run
            yield Conversation(
                equipment, transport, max_age_seconds=0 if run.refresh else run.max_age_days * 86_400
            )
