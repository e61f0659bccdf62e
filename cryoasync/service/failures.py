"""What did not come in, of one run or of all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.database.runs.choice import chosen_run
from cryoasync.database.runs.failure_list import FailureScope, failure_selection, first_failures, table_of
from cryoasync.database.stream import Selection
from cryoasync.models import EntryState
from cryoasync.service.export import ExportReport, ExportTarget, export_selection
from cryoasync.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureQuestion:
    """What a user wants to see.

    Attributes:
        state: see :class:`FailureScope`.
        run: the id or name of a run; ``None`` for the one started last.
        all_runs: all runs instead.
    """

    state: EntryState
    run: str | None
    all_runs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureList:
    """The first entries of a scope, each as columns and values, and how many there are in all."""

    scope: FailureScope
    total: int
    entries: tuple[Mapping[str, Any], ...]

    @property
    def not_shown(self) -> int:
        """How many there are beyond those here."""
        return self.total - len(self.entries)

    def to_json(self) -> dict[str, Any]:
        """Return what ``failures list --json`` prints."""
        return {
            "run_id": self.scope.run_id,
            "state": self.scope.state,
            "total": self.total,
            "not_shown": self.not_shown,
            "failures": [dict(entry) for entry in self.entries],
        }


async def list_failures(settings: Settings, question: FailureQuestion, limit: int) -> FailureList:
    """Read what did not come in, up to ``limit`` entries of it.

    Raises:
        UsageError: there is no such run.
        DatabaseError: the database cannot be used.
    """
    async with opened_database(settings) as database:
        scope = await _scope(database, question)
        total, records = await first_failures(database, scope, limit)
    return FailureList(scope=scope, total=total, entries=tuple(map(dict, records)))


async def export_failures(
    settings: Settings, question: FailureQuestion, target: ExportTarget
) -> ExportReport:
    """Export what did not come in; errors are those of :func:`export_selection`."""

    async def select(database: Database) -> Selection:
        return await failure_selection(database, await _scope(database, question))

    return await export_selection(settings, target, table_of(question.state), select)


async def _scope(database: Database, question: FailureQuestion) -> FailureScope:
    run = None if question.all_runs else await chosen_run(database, question.run)
    return FailureScope(state=question.state, run_id=None if run is None else run.id)
