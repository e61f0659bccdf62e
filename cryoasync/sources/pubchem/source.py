"""PubChem as a source of compounds: what a run of it is, and how its chunks are processed."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.http.transport import Transport
from cryoasync.ports import ChunkProcessor
from cryoasync.settings import PolicySettings, RdkitMode, Settings
from cryoasync.sources.asking.answer_cache import CachedClient
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.equipment import Equipment
from cryoasync.sources.identifiers import IdentifierScheme
from cryoasync.sources.pubchem.api import PugRest
from cryoasync.sources.pubchem.endpoints import SYNONYMS, property_endpoint
from cryoasync.sources.pubchem.identifiers import CID_SCHEME
from cryoasync.sources.pubchem.processor import SOURCE, ImportOptions, PubChemProcessor
from cryoasync.sources.pubchem.table import FRESH_COMPOUNDS


class PubChemSource:
    """Compounds by CID from PUG REST."""

    name = SOURCE
    api = "PUG REST"
    scheme: IdentifierScheme = CID_SCHEME
    time_zone: tzinfo = ZoneInfo("America/New_York")
    most_under_way = None
    slow_days = None

    def __init__(self, settings: Settings) -> None:
        """Ask for what ``settings`` say."""
        self._settings = settings

    @property
    def base_url(self) -> str:
        """The address of PUG REST."""
        return self._settings.pubchem.base_url

    @property
    def policy(self) -> RatePolicy:
        """What PubChem allows, lowered by ``--max-rate``."""
        return rate_policy(self._settings.pubchem.policy).lowered_to(self._settings.run.max_rate)

    @property
    def requests_per_chunk(self) -> int:
        """The property table, and the synonyms where they are asked for."""
        return 2 if self._settings.run.synonyms else 1

    def row_settings(self) -> Mapping[str, Any]:
        """Return the settings that change rows, and so make two runs different."""
        run = self._settings.run
        return {
            "synonyms": run.synonyms,
            "properties": sorted(run.properties),
            "rdkit": run.rdkit.value,
            "limit": run.limit,
        }

    def fresh_compounds(self, since: datetime) -> tuple[str, tuple[Any, ...]]:
        """Return the query, and its arguments, for the CIDs that need not be asked for again."""
        return FRESH_COMPOUNDS, (since, self._settings.run.synonyms, list(self._settings.run.properties))

    def cached_endpoints(self, kept: Iterable[str]) -> Mapping[str, str]:
        """Return the property table as it is asked for now, and the synonyms."""
        del kept
        endpoints = (property_endpoint(self._settings.run.properties), SYNONYMS)
        return {endpoint.name: endpoint.cache_key for endpoint in endpoints}

    @asynccontextmanager
    async def processor(self, equipment: Equipment) -> AsyncIterator[ChunkProcessor]:
        """Open the connections to PubChem for one claimed run."""
        run = self._settings.run
        async with Transport.open(
            equipment.guards.limiter,
            connections=run.concurrent_chunks,
            timeout_seconds=self._settings.pubchem.request_timeout_seconds,
            contact=self._settings.contact,
            clock=equipment.clock,
        ) as transport:
            client = SourceClient(PugRest(equipment.base_url, transport), equipment.guards)
            yield PubChemProcessor(
                CachedClient(
                    client,
                    equipment.cache,
                    origin=equipment.cache_origin,
                    max_age_seconds=0 if run.refresh else run.max_age_days * 86_400,
                    wall_clock=equipment.wall_clock,
                ),
                equipment.pool,
                equipment.lookup,
                ImportOptions(
                    run_id=equipment.run_id,
                    synonyms=run.synonyms,
                    properties=run.properties,
                    compute_all=run.rdkit is RdkitMode.ALL,
                ),
                wall_clock=equipment.wall_clock,
            )


def rate_policy(settings: PolicySettings) -> RatePolicy:
    """Return the windows that ``settings`` describe; a limit of 0 is none."""
    counts = ((settings.requests_per_second, 1.0), (settings.requests_per_minute, 60.0))
    running = settings.running_seconds_per_minute
    return RatePolicy(
        counts=tuple(CountWindow(limit=limit, seconds=seconds) for limit, seconds in counts if limit),
        running_time=RunningTimeWindow(limit_seconds=running, seconds=60.0) if running else None,
        guard_seconds=settings.guard_seconds,
        tolerance_seconds=settings.guard_seconds / 2,
    )
