"""All that happened to one compound, by any of its names."""

import re
from dataclasses import dataclass
from typing import Any

from cryoasync.database.compound_history import CompoundHistory, compound_history, ids_with_inchikey
from cryoasync.database.connection import Database
from cryoasync.errors import UsageError
from cryoasync.http.cache import ResponseCache
from cryoasync.ports import WallClock
from cryoasync.service.cache_warnings import warn_of_cache
from cryoasync.service.site import cache_origin
from cryoasync.settings import Settings
from cryoasync.sources.files.collection import whole_path
from cryoasync.sources.files.models import place
from cryoasync.sources.files.processor import SOURCE as FILES
from cryoasync.sources.pubchem.endpoints import SYNONYMS, property_endpoint
from cryoasync.sources.pubchem.identifiers import CID_SCHEME
from cryoasync.sources.registry import SOURCES

_SOURCE = "pubchem"
_PLACE = re.compile(r"(.+)#([1-9]\d{0,17})", re.DOTALL | re.ASCII)
_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """An answer at hand: from which endpoint, and how old."""

    endpoint: str
    age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundReport:
    """The history of a compound, and what the cache has of it."""

    source: str
    history: CompoundHistory
    cached: tuple[CachedAnswer, ...]

    @property
    def is_known(self) -> bool:
        """Whether there is anything to tell."""
        return self.history.is_known or bool(self.cached)

    def to_json(self) -> dict[str, Any]:
        """Return what ``why --json`` prints of a compound."""
        return {
            "source": self.source,
            "source_id": self.history.source_id,
            "row": self.history.row,
            "rdkit_descriptors": self.history.descriptors,
            "runs": list(self.history.entries),
            "requests": list(self.history.requests),
            "failures": list(self.history.failures),
            "cache": [
                {"endpoint": answer.endpoint, "age_seconds": answer.age_seconds} for answer in self.cached
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundKey:
    """What a user calls a compound by: an id of a source, the place of a record in a file, or an InChIKey."""

    source: str = _SOURCE
    source_id: str | None = None
    inchikey: str | None = None


def read_key(text: str) -> CompoundKey:
    """Read ``2244``, ``CID2244``, an InChIKey, or ``library.sdf#17``.

    Raises:
        UsageError: it is none of these.
    """
    stripped = text.strip()
    if _INCHIKEY.fullmatch(stripped.upper()):
        return CompoundKey(inchikey=stripped.upper())
    number = CID_SCHEME.parse(stripped)
    if isinstance(number, int):
        return CompoundKey(source_id=CID_SCHEME.text_of(number))
    if place_in_file := _PLACE.fullmatch(text):
        file, record = place_in_file.groups()
        return CompoundKey(source=FILES, source_id=place(str(whole_path(file)), int(record)))
    raise UsageError(
        f"{text!r} is neither a CID ({number.reason}) nor an InChIKey, nor FILE#RECORD.",
        hint="Write 2244, CID2244, BSYNRYMUTXBXSQ-UHFFFAOYSA-N or library.sdf#17.",
    )


async def compound_reports(
    database: Database, settings: Settings, key: CompoundKey, wall_clock: WallClock
) -> tuple[CompoundReport, ...]:
    """Return a report for each compound that ``key`` means and anything is known of."""
    if key.source_id is not None:
        ids = [(key.source, key.source_id)]
    else:
        ids = await ids_with_inchikey(database, key.inchikey or "")
    cids = [source_id for source, source_id in ids if source == _SOURCE]
    cached = await _cached(settings, cids, wall_clock) if cids else {}
    reports = [
        CompoundReport(
            source=source,
            history=await compound_history(database, source, source_id),
            cached=tuple(cached.get(source_id, ())),
        )
        for source, source_id in ids
    ]
    return tuple(report for report in reports if report.is_known)


async def _cached(settings: Settings, ids: list[str], wall_clock: WallClock) -> dict[str, list[CachedAnswer]]:
    """Return what the cache has of each id; a cache that was never made is not made for this."""
    found: dict[str, list[CachedAnswer]] = {source_id: [] for source_id in ids}
    path = settings.response_cache
    if path is None or not path.exists():
        return found
    now = wall_clock().timestamp()
    origin = cache_origin(SOURCES[_SOURCE](settings), settings.run)
    async with ResponseCache.open(path, max_bytes=settings.run.cache_max_bytes, warn=warn_of_cache) as cache:
        for endpoint in (property_endpoint(settings.run.properties), SYNONYMS):
            hits = await cache.get_many(origin, endpoint.cache_key, ids, now=now)
            for source_id, hit in hits.items():
                answer = CachedAnswer(endpoint=endpoint.name, age_seconds=now - hit.fetched_at)
                found[source_id].append(answer)
    return found
