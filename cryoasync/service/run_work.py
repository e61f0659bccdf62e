"""A claimed run at work, wherever its compounds come from: its checkpoints, its status and its summary."""

from collections.abc import Coroutine
from dataclasses import dataclass
from signal import Signals
from typing import Any

import structlog

from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator, BatchLimits
from cryoasync.database.connection import Database
from cryoasync.database.pool.queue import Priority
from cryoasync.database.runs.hold import RunHold
from cryoasync.errors import CryoasyncError, DatabaseUnavailableError, RunFencedError
from cryoasync.models import RunStatus
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.progress import Progress
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.ports import BatchStore, BatchWriter
from cryoasync.service.bulk_load import BulkLoad
from cryoasync.service.database_state import database_state
from cryoasync.service.heartbeat import beat
from cryoasync.service.run_start import StartedRun
from cryoasync.service.stages import Stages, exit_code
from cryoasync.service.summary import Summary
from cryoasync.settings import RunSettings

RETRY_SECONDS = 1.0
"""How long a batch is tried again before the run says that the database is out of reach."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a start of a run ended: its summary, and the signal or the error that stopped it, if one did."""

    summary: Summary
    signal: Signals | None
    error: CryoasyncError | None

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return exit_code(self.error, self.signal, failed=self.summary.counts.failed)


def batch_writer(database: Database, run: RunSettings) -> BatchDatabaseOperator:
    """Return what writes the batches of a run: an outage is for its patience, a conflict for the writer.

    So the fetching pauses as soon as an outage is met.
    """
    limits = BatchLimits.around(run.batch_rows, retry_seconds=RETRY_SECONDS, retries_outages=False)
    return BatchDatabaseOperator(database, limits, priority=Priority.COMMIT)


async def _after(first: Coroutine[Any, Any, None], second: Coroutine[Any, Any, None]) -> None:
    try:
        await first
    except BaseException:
        second.close()
        raise
    await second


class RunWork:
    """A claimed run, from the first batch of this start to its summary."""

    def __init__(
        self,
        started: StartedRun,
        stages: Stages,
        store: BatchStore,
        writer: BatchWriter,
        *,
        hold: RunHold,
        stop: StopRequest,
    ) -> None:
        """Commit to ``store``, which writes through ``writer``."""
        self.checkpoints = CheckpointManager(
            store, started.run.counts, patience=stages.patience(), clock=stages.clock, writer=writer
        )
        self.is_complete = True
        """Whether every entry is known; of a list that may have moved, only once that was looked at."""
        self._writer = writer
        self._started = started
        self._stages = stages
        self._hold = hold
        self._stop = stop

    async def run(self, work: Coroutine[Any, Any, None]) -> RunOutcome:
        """Await ``work`` until its end or a stop, and leave the run with the status it has then."""
        load = BulkLoad(self._hold.database, self._stop, pending=self._started.run.counts.pending)
        error = await self._stages.ended(_after(load.begin(), work))
        status = self._status(error)
        await self._finish(status)
        if status is RunStatus.FINISHED:
            await load.end()
        return RunOutcome(summary=self._summary(status), signal=self._stop.signal, error=error)

    async def beat(self, progress: Progress) -> None:
        """Show that the run is at work, until cancelled; errors are those of :func:`beat`."""

        def live_state() -> dict[str, Any]:
            database = database_state(
                self._hold.database, self._stages.database_breaker, self._writer.get_stats()
            )
            return {**progress.live_state(), "database": database}

        await beat(self._hold, self._stages.patience(), live_state, progress.control.follow)

    def _status(self, error: CryoasyncError | None) -> RunStatus:
        if error is not None:
            return RunStatus.PAUSED
        if self._stop.signal is not None and (self.checkpoints.counts.pending or not self.is_complete):
            return RunStatus.STOPPED
        return RunStatus.FINISHED

    async def _finish(self, status: RunStatus) -> None:
        """Write the status, as far as the database is there: a run without one resumes all the same."""
        try:
            await self._hold.finish(status)
        except (DatabaseUnavailableError, RunFencedError) as error:
            _log.warning("status of the run not written", reason=error.message)

    def _summary(self, status: RunStatus) -> Summary:
        now, traffic = self._stages.clock(), self._stages.traffic
        run, checkpoints = self._started.run, self.checkpoints
        first, last = traffic.first_sent_at, checkpoints.last_commit_at
        return Summary(
            run_id=run.id,
            name=run.name,
            source=run.source,
            status=status,
            counts=checkpoints.counts,
            already_done=self._started.already_done,
            duplicates=run.duplicates,
            traffic=traffic,
            troubles=self._stages.details().get("troubles", {}).get("categories", {}),
            rdkit_filled=checkpoints.rows_by_table[RDKIT_DESCRIPTORS.name],
            failures=+checkpoints.failures,
            database=self._writer.get_stats(),
            elapsed_seconds=now - self._stages.began_at,
            work_seconds=0.0 if first is None else max(0.0, (now if last is None else last) - first),
        )
