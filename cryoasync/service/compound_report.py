"""All that happened to one compound, by any of its names."""

import re
from dataclasses import dataclass
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.runs.compound_history import CompoundHistory, compound_history, ids_with_inchikey
from cryoasync.errors import UsageError
from cryoasync.http.cache import ResponseCache
from cryoasync.ports import WallClock
from cryoasync.service.cache_warnings import warn_of_cache
from cryoasync.service.site import cache_origin
from cryoasync.settings import Settings
from cryoasync.sources.chembl.identifiers import CHEMBL_SCHEME
from cryoasync.sources.chembl.processor import SOURCE as CHEMBL
from cryoasync.sources.files.collection import whole_path
from cryoasync.sources.files.models import place
from cryoasync.sources.files.processor import SOURCE as FILES
from cryoasync.sources.pubchem.identifiers import CID_SCHEME
from cryoasync.sources.pubchem.processor import SOURCE as PUBCHEM
from cryoasync.sources.registry import SOURCES

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

    source: str = ""
    source_id: str | None = None
    inchikey: str | None = None


def read_key(text: str) -> CompoundKey:
    """Read ``2244``, ``CID2244``, ``CHEMBL25``, an InChIKey, or ``library.sdf#17``.

    Raises:
        UsageError: it is none of these.
    """
    stripped = text.strip()
    if _INCHIKEY.fullmatch(stripped.upper()):
        return CompoundKey(inchikey=stripped.upper())
    for source, scheme in ((PUBCHEM, CID_SCHEME), (CHEMBL, CHEMBL_SCHEME)):
        number = scheme.parse(stripped)
        if isinstance(number, int):
            return CompoundKey(source=source, source_id=scheme.text_of(number))
    if place_in_file := _PLACE.fullmatch(text):
        file, record = place_in_file.groups()
        return CompoundKey(source=FILES, source_id=place(str(whole_path(file)), int(record)))
    raise UsageError(
        f"{text!r} is neither a CID nor a ChEMBL id, nor an InChIKey, nor FILE#RECORD.",
        hint="Write 2244, CID2244, CHEMBL25, BSYNRYMUTXBXSQ-UHFFFAOYSA-N or library.sdf#17.",
    )


async def compound_reports(
    database: Database, settings: Settings, key: CompoundKey, wall_clock: WallClock
) -> tuple[CompoundReport, ...]:
    """Return a report for each compound that ``key`` means and anything is known of."""
    if key.source_id is not None:
        ids = [(key.source, key.source_id)]
    else:
        ids = await ids_with_inchikey(database, key.inchikey or "")
    cached = await _cached(settings, ids, wall_clock)
    reports = [
        CompoundReport(
            source=source,
            history=await compound_history(database, source, source_id),
            cached=tuple(cached.get((source, source_id), ())),
        )
        for source, source_id in ids
    ]
    return tuple(report for report in reports if report.is_known)


async def _cached(
    settings: Settings, ids: list[tuple[str, str]], wall_clock: WallClock
) -> dict[tuple[str, str], list[CachedAnswer]]:
    """Return what the cache has of sources' ids; a cache that was never made is not made for this."""
    found: dict[tuple[str, str], list[CachedAnswer]] = {}
    path = settings.response_cache
    if path is None or not path.exists():
        return found
    now = wall_clock().timestamp()
    async with ResponseCache.open(path, max_bytes=settings.run.cache_max_bytes, warn=warn_of_cache) as cache:
        scopes = (await cache.statistics()).scopes
        for name, make in SOURCES.items():
            source, of_source = make(settings), [source_id for kind, source_id in ids if kind == name]
            origin = cache_origin(source, settings.run)
            kept = [scope.endpoint for scope in scopes if scope.origin == origin]
            for endpoint, key in source.cached_endpoints(kept).items() if of_source else ():
                hits = await cache.get_many(origin, key, of_source, now=now)
                for source_id, hit in hits.items():
                    answer = CachedAnswer(endpoint=endpoint, age_seconds=now - hit.fetched_at)
                    found.setdefault((name, source_id), []).append(answer)
    return found
