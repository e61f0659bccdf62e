"""How the response cache is used, gathered in memory so that a look-up writes nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cryoasync.http.cache_models import CacheScope

_LOOKUPS_KEPT = 100
_USED_IDS_KEPT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Hits and misses by scope, and the rows that were used, the last of them at ``used_at``."""

    lookups: Mapping[CacheScope, tuple[int, int]]
    used_ids: Collection[int]
    used_at: float


class CacheUsage:
    """Gathers the usage until enough has come together to be worth a transaction."""

    def __init__(self) -> None:
        """Begin with no usage."""
        self._lookups: dict[CacheScope, tuple[int, int]] = {}
        self._calls = 0
        self._used_ids: set[int] = set()
        self._used_at = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self._calls == 0

    @property
    def is_due(self) -> bool:
        """Whether the usage should be written now: a killed process loses what was not."""
        return self._calls >= _LOOKUPS_KEPT or len(self._used_ids) >= _USED_IDS_KEPT

    def add(
        self, scope: CacheScope, *, hits: int, misses: int, used_ids: Collection[int], now: float
    ) -> None:
        """Add one look-up."""
        hits_before, misses_before = self._lookups.get(scope, (0, 0))
        self._lookups[scope] = (hits_before + hits, misses_before + misses)
        self._calls += 1
        self._used_ids.update(used_ids)
        self._used_at = max(self._used_at, now)

    def take(self) -> Usage:
        """Return what has gathered and begin anew."""
        usage = Usage(lookups=self._lookups, used_ids=self._used_ids, used_at=self._used_at)
        self._lookups, self._used_ids, self._calls = {}, set(), 0
        return usage
