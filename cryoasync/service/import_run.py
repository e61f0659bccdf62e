"""One start of a run, whole: every resource is opened here, in order, and closed in the reverse."""

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from signal import Signals

import structlog

from cryoasync.chemistry.process_pool import RdkitPool
from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.database.batch_operator import BatchDatabaseOperator
from cryoasync.database.budget import DatabaseBudgetStore
from cryoasync.database.checkpoint import PostgresBatchStore
from cryoasync.database.connection import Database
from cryoasync.database.lookup import PostgresLookup
from cryoasync.database.opening import opened_database
from cryoasync.database.owner import this_process
from cryoasync.database.pending_entries import PostgresPendingEntries
from cryoasync.database.run_hold import RunHold
from cryoasync.database.run_record import run_key
from cryoasync.database.runs import RunRepository
from cryoasync.errors import CryoasyncError, DatabaseUnavailableError, RunFencedError
from cryoasync.http.cache import ResponseCache
from cryoasync.models import RunIdentity, RunStatus
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.progress import Progress
from cryoasync.pipeline.shutdown import StopRequest, ending_by_signals, stopping_by_signals
from cryoasync.service.cache_warnings import warn_of_cache
from cryoasync.service.heartbeat import beat
from cryoasync.service.origin_guard import OriginGuard, assert_expected_origin, expected_origin
from cryoasync.service.run_start import StartedRun, digest_of, start_run
from cryoasync.service.site import Site, opened_site, site_name
from cryoasync.service.summary import DatabaseWork, Summary
from cryoasync.service.work import Display, Work, exit_code, utc_now
from cryoasync.settings import RdkitMode, Settings
from cryoasync.sources.input import InputDigest, InputList
from cryoasync.sources.registry import Source

DAYS_OF_REQUESTS_KEPT = 30
"""How long the table ``requests`` keeps what ``why`` reads."""

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


async def import_run(
    settings: Settings, source: Source, words: Sequence[str], display: Display
) -> RunOutcome:
    """Import what ``words`` name from ``source``, resuming where an earlier start stopped.

    Raises:
        CryoasyncError: the run could not start: the input, the settings, the database or another process is
            in the way. What stops it later is in the outcome.
    """
    stop = StopRequest()
    async with AsyncExitStack() as stack:
        with ending_by_signals():
            inputs = stack.enter_context(
                InputList.open(words, scheme=source.scheme, stdin=sys.stdin.buffer, limit=settings.run.limit)
            )
        await stack.enter_async_context(stopping_by_signals(stop))
        digest = await digest_of(inputs)
        database = await stack.enter_async_context(opened_database(settings))
        await assert_expected_origin(database, source.base_url, simulate=settings.run.simulate)
        runs = RunRepository(database, this_process())
        await runs.forget_requests(utc_now() - timedelta(days=DAYS_OF_REQUESTS_KEPT))
        identity = _identity(source, digest, settings)
        hold = await stack.enter_async_context(runs.hold(run_key(identity), takeover=settings.run.takeover))
        started = await start_run(
            hold,
            runs,
            source=source,
            identity=identity,
            inputs=inputs,
            digest=digest,
            settings=settings.run,
            now=utc_now(),
        )
        return await work_on(
            started, settings, source, database=database, hold=hold, stop=stop, display=display
        )


async def work_on(
    started: StartedRun,
    settings: Settings,
    source: Source,
    *,
    database: Database,
    hold: RunHold,
    stop: StopRequest,
    display: Display,
) -> RunOutcome:
    """Open the site of a claimed run, and work on the run until its end or a stop.

    Raises:
        CryoasyncError: there is no such site. What stops the run later is in the outcome.
    """
    structlog.contextvars.bind_contextvars(run=started.run.id)
    async with opened_site(source, settings.run) as site:
        start = _Start(settings, source, site, database=database, hold=hold, started=started, stop=stop)
        return await start.run(display)


def _identity(source: Source, digest: InputDigest, settings: Settings) -> RunIdentity:
    return RunIdentity(
        source=source.name,
        base_url=site_name(source, settings.run),
        input_digest=digest.sha256,
        settings=source.row_settings(),
        name=settings.run.name,
    )


class _Start:
    """A claimed run and what was opened for it, about to work."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        site: Site,
        *,
        database: Database,
        hold: RunHold,
        started: StartedRun,
        stop: StopRequest,
    ) -> None:
        run = started.run
        spoke_before = not started.is_new and run.counts.imported + run.counts.not_found > 0
        self._settings = settings
        self._database = database
        self._hold = hold
        self._started = started
        self._stop = stop
        self._work = Work(settings, source, site, stop, spoke_before=spoke_before)
        store = PostgresBatchStore(database, run, BatchDatabaseOperator(), self._work.clock)
        expected = expected_origin(site.base_url, simulate=settings.run.simulate)
        self._checkpoints = CheckpointManager(
            OriginGuard(store, database, self._work.reach, site.base_url, expected),
            run.counts,
            patience=self._work.patience(),
            clock=self._work.clock,
        )

    async def run(self, display: Display) -> RunOutcome:
        """Work until the end or a stop, and leave the run with the status it has then."""
        error = await self._work.ended(self._go_through(display))
        status = self._status(error)
        await self._finish(status)
        return RunOutcome(summary=self._summary(status), signal=self._stop.signal, error=error)

    async def _go_through(self, display: Display) -> None:
        settings, work, run = self._settings, self._work, self._started.run
        async with AsyncExitStack() as stack:
            file_budget = await stack.enter_async_context(work.opened_file_budget())
            stores = [DatabaseBudgetStore(self._database, work.clock)]
            limiter = work.limiter(stores if file_budget is None else [file_budget, *stores])
            processor = await stack.enter_async_context(
                work.opened_processor(
                    limiter,
                    run_id=run.id,
                    cache=None
                    if settings.response_cache is None
                    else await stack.enter_async_context(
                        ResponseCache.open(
                            settings.response_cache,
                            max_bytes=settings.run.cache_max_bytes,
                            warn=warn_of_cache,
                        )
                    ),
                    pool=None
                    if settings.run.rdkit is RdkitMode.OFF
                    else await stack.enter_async_context(RdkitPool(settings.run.rdkit_workers)),
                    lookup=PostgresLookup(self._database),
                )
            )
            await work.go_through(
                PostgresPendingEntries(self._database, run),
                processor,
                self._checkpoints,
                limiter,
                beside={"heartbeat": self._beat, "progress": display},
            )

    async def _beat(self, progress: Progress) -> None:
        await beat(self._hold, self._work.patience(), progress.live_state)

    def _status(self, error: CryoasyncError | None) -> RunStatus:
        if error is not None:
            return RunStatus.PAUSED
        if self._stop.signal is not None and self._checkpoints.counts.pending:
            return RunStatus.STOPPED
        return RunStatus.FINISHED

    async def _finish(self, status: RunStatus) -> None:
        """Write the status, as far as the database is there: a run without one resumes all the same."""
        try:
            await self._hold.finish(status)
        except (DatabaseUnavailableError, RunFencedError) as error:
            _log.warning("status of the run not written", reason=error.message)

    def _summary(self, status: RunStatus) -> Summary:
        now, traffic = self._work.clock(), self._work.traffic
        run, checkpoints = self._started.run, self._checkpoints
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
            rdkit_filled=checkpoints.rows_by_table[RDKIT_DESCRIPTORS.name],
            database=DatabaseWork(
                rows=checkpoints.rows, batches=checkpoints.batches, seconds=checkpoints.seconds
            ),
            elapsed_seconds=now - self._work.began_at,
            work_seconds=0.0 if first is None else max(0.0, (now if last is None else last) - first),
        )
