"""Where PubChem and ChEMBL say different things of one molecule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoasync.database.exported_tables import TableExport
from cryoasync.database.opening import opened_database
from cryoasync.database.reading import reading
from cryoasync.settings import Settings

_COUNT = "SELECT kind, count(*) FROM cryoasync.molecule_conflicts GROUP BY kind ORDER BY kind"
_FIRST = "SELECT * FROM cryoasync.molecule_conflicts ORDER BY kind, cid, chembl_id, property LIMIT $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictList:
    """The first conflicts, each as columns and values, and how many there are of each kind."""

    totals: Mapping[str, int]
    entries: tuple[Mapping[str, Any], ...]

    @property
    def not_shown(self) -> int:
        """How many there are beyond those here."""
        return sum(self.totals.values()) - len(self.entries)

    def to_json(self) -> dict[str, Any]:
        """Return what ``conflicts --json`` prints."""
        return {
            "total": sum(self.totals.values()),
            "kinds": dict(self.totals),
            "not_shown": self.not_shown,
            "conflicts": [dict(entry) for entry in self.entries],
        }


def conflict_export(run: str | None) -> TableExport:
    """Return what an export of all conflicts wants, or of those of the molecules of a run."""
    return TableExport(table="molecule_conflicts", run=run)


async def list_conflicts(settings: Settings, limit: int) -> ConflictList:
    """Read the conflicts, up to ``limit`` of them.

    Raises:
        DatabaseError: the database cannot be used.
    """
    async with opened_database(settings) as database, reading(database) as connection:
        totals = {kind: total for kind, total in await connection.fetch(_COUNT)}  # noqa: C416 - records are no pairs
        return ConflictList(totals=totals, entries=tuple(map(dict, await connection.fetch(_FIRST, limit))))
