"""What the response cache gives: entries, statistics, and problems it has dealt with."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheScope:
    """The source and the endpoint that an answer came from.

    ``origin`` is scheme, host and port; ``endpoint`` names all that shapes the answer but the identifier.
    """

    origin: str
    endpoint: str


class CacheAction(StrEnum):
    """What was being done with the file when a problem was met."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    PRUNE = "prune"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheProblem:
    """A problem with the file, which the cache has dealt with.

    Attributes:
        path: the cache's file.
        action: what was being done; it was given up.
        reason: the error's own words.
        moved_to: where the unusable file is now; a new one was started.
        is_off: whether the cache does without a file from now on.
    """

    path: Path
    action: CacheAction
    reason: str
    moved_to: Path | None = None
    is_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """The source's own words for one compound, and when they were said (seconds since 1970, UTC)."""

    payload: bytes
    fetched_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePart:
    """What the cache holds of one scope, or of all, and how often it was asked.

    ``bytes`` counts payloads; ``oldest`` and ``newest`` are times of fetches, in seconds since 1970.
    """

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0
    oldest: float | None = None
    newest: float | None = None

    @property
    def hit_ratio(self) -> float | None:
        """Hits by look-ups; ``None`` where nothing was looked up."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """Each scope of the cache, and how its file does.

    Hits and misses are those of all processes since the file was made or cleared, but for the last hundred
    look-ups of each other process; failures are this process's reads and writes that were given up.
    """

    scopes: Mapping[CacheScope, CachePart]
    file_bytes: int
    read_failures: int
    write_failures: int

    @property
    def total(self) -> CachePart:
        """All scopes together."""
        parts = self.scopes.values()
        return CachePart(
            entries=sum(part.entries for part in parts),
            bytes=sum(part.bytes for part in parts),
            hits=sum(part.hits for part in parts),
            misses=sum(part.misses for part in parts),
            oldest=min((part.oldest for part in parts if part.oldest is not None), default=None),
            newest=max((part.newest for part in parts if part.newest is not None), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """Entries deleted, and the bytes of their payloads."""

    entries: int = 0
    bytes: int = 0

    def __add__(self, other: "PruneReport") -> "PruneReport":
        """Add up two deletions."""
        return PruneReport(entries=self.entries + other.entries, bytes=self.bytes + other.bytes)
