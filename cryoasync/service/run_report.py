"""How a run stands, as another process sees it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from cryoasync.database.budget_reading import stored_budgets
from cryoasync.database.connection import Database
from cryoasync.database.runs.choice import chosen_run
from cryoasync.database.runs.hold import HEARTBEAT_LIMIT_SECONDS
from cryoasync.database.runs.owner import Vitality, this_process
from cryoasync.database.runs.record import Run
from cryoasync.models import RunStatus
from cryoasync.service.diagnosis import diagnosis
from cryoasync.service.rate_use import RateUse, rate_use
from cryoasync.service.retry_run import settings_of
from cryoasync.settings import Settings
from cryoasync.sources.registry import SOURCES


class OwnerState(StrEnum):
    """What is known of the process that works on a run."""

    NONE = "none"
    ALIVE = "alive"
    DEAD = "dead"
    SILENT = "silent"
    """On another machine, and not heard of for half a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run, whether somebody is at work on it, what that process last said, and the rate budgets in use."""

    run: Run
    owner: OwnerState
    budgets: tuple[RateUse, ...]

    @property
    def is_at_work(self) -> bool:
        """Whether the run goes on at this moment."""
        return self.run.status is RunStatus.RUNNING and self.owner is OwnerState.ALIVE

    @property
    def live(self) -> Mapping[str, Any] | None:
        """What the process at work last said of itself; ``None`` where nobody is, or it said nothing yet."""
        return self.run.live if self.is_at_work else None

    @property
    def standing(self) -> str:
        """The status, but ``interrupted`` where the run's process ended without a word."""
        lost = self.run.status is RunStatus.RUNNING and self.owner in (OwnerState.DEAD, OwnerState.NONE)
        return "interrupted" if lost else str(self.run.status)

    def to_json(self) -> dict[str, Any]:
        """Return what ``status --json`` prints."""
        run = self.run
        owner = None
        if run.owner is not None:
            owner = {
                "host": run.owner.host,
                "pid": run.owner.pid,
                "state": self.owner,
                "heartbeat_age_seconds": run.heartbeat_age_seconds,
            }
        return {
            **run_json(run),
            "status": self.standing,
            "owner": owner,
            "eta_seconds": None if self.live is None else self.live.get("eta_seconds"),
            "live": self.live,
            "rate_budgets": [budget.to_json() for budget in self.budgets],
            "explanation": list(diagnosis(self.standing, self.live)),
        }


async def run_report(database: Database, settings: Settings, id_or_name: str | None) -> RunReport:
    """Read how a run stands; without an id or name, the one started last.

    Raises:
        UsageError: there is no such run.
        DatabaseError: the database cannot be asked.
    """
    run = await chosen_run(database, id_or_name)
    budgets: tuple[RateUse, ...] = ()
    if run.source in SOURCES:
        policy = SOURCES[run.source](settings_of(run, settings)).policy
        uses = [rate_use(budget, policy) for budget in await stored_budgets(database)]
        budgets = tuple(use for use in uses if use is not None and use.is_in_use)
    return RunReport(run=run, owner=owner_state(run), budgets=budgets)


def owner_state(run: Run) -> OwnerState:
    """Tell whether the process that works on a run lives."""
    if run.owner is None or run.heartbeat_age_seconds is None:
        return OwnerState.NONE
    match run.owner.vitality(this_process()):
        case Vitality.ALIVE:
            return OwnerState.ALIVE
        case Vitality.DEAD:
            return OwnerState.DEAD
        case Vitality.ELSEWHERE:
            seen = run.heartbeat_age_seconds < HEARTBEAT_LIMIT_SECONDS
            return OwnerState.ALIVE if seen else OwnerState.SILENT


def run_json(run: Run) -> dict[str, Any]:
    """Return what is printed of a run wherever one is printed."""
    return {
        "run_id": run.id,
        "name": run.name,
        "source": run.source,
        "base_url": run.base_url,
        "status": run.status,
        "requested": run.counts.requested,
        **asdict(run.counts),
        "duplicates": run.duplicates,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }
