"""One start of a run, whole: every resource is opened here, in order, and closed in the reverse."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from signal import Signals
from typing import Any

import structlog

from cryoasync.chemistry.process_pool import RdkitPool
from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.control.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.rate_limiter import SharedRateLimiter
from cryoasync.control.traffic import Traffic
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
from cryoasync.http.budget_file import FileBudgetStore
from cryoasync.http.cache import ResponseCache
from cryoasync.http.reach import Reach
from cryoasync.models import RunIdentity, RunStatus
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.chunk_generator import ChunkGenerator
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.pipeline.pipeline import PipelineLimits, run_pipeline
from cryoasync.pipeline.progress import Progress
from cryoasync.pipeline.result_collector import ResultCollector
from cryoasync.pipeline.shutdown import StopRequest, ending_by_signals, stopping_by_signals
from cryoasync.pipeline.worker_pool import WorkerPool
from cryoasync.ports import ChunkProcessor
from cryoasync.service.cache_warnings import warn_of_cache
from cryoasync.service.heartbeat import beat
from cryoasync.service.origin_guard import OriginGuard, assert_expected_origin, expected_origin
from cryoasync.service.run_start import StartedRun, digest_of, start_run
from cryoasync.service.site import Site, opened_site, site_name
from cryoasync.service.summary import DatabaseWork, Summary
from cryoasync.settings import RdkitMode, Settings
from cryoasync.sources.equipment import Equipment
from cryoasync.sources.input import InputDigest, InputList
from cryoasync.sources.registry import Source

DAYS_OF_REQUESTS_KEPT = 30
"""How long the table ``requests`` keeps what ``why`` reads."""

RATE_BUDGET_FILE = "rate-budget.sqlite"

Display = Callable[[Progress], Coroutine[Any, Any, None]]
"""Shows progress until cancelled."""

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
        if self.error is not None:
            return self.error.exit_code
        if self.signal is not None:
            return 128 + self.signal
        return 1 if self.summary.counts.failed else 0


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
        await runs.forget_requests(_now() - timedelta(days=DAYS_OF_REQUESTS_KEPT))
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
            now=_now(),
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
        loop = asyncio.get_running_loop()
        run = started.run
        self._settings = settings
        self._source = source
        self._site = site
        self._database = database
        self._hold = hold
        self._started = started
        self._stop = stop
        self._clock = loop.time
        self._rng = random.Random()
        self._began_at = loop.time()
        self._traffic = Traffic()
        self._sizer = AdaptiveChunkSizer(settings.run.chunk_size.minimum, settings.run.chunk_size.maximum)
        self._reach = Reach(
            site.base_url,
            settings.run.patience_seconds,
            spoke_before=not started.is_new and run.counts.imported + run.counts.not_found > 0,
            clock=self._clock,
        )
        store = PostgresBatchStore(database, run, BatchDatabaseOperator(), self._clock)
        expected = expected_origin(site.base_url, simulate=settings.run.simulate)
        self._checkpoints = CheckpointManager(
            OriginGuard(store, database, self._reach, site.base_url, expected),
            run.counts,
            patience=self._patience(),
            clock=self._clock,
        )

    def _patience(self) -> DatabasePatience:
        return DatabasePatience(self._settings.run.patience_seconds, clock=self._clock, rng=self._rng)

    async def run(self, display: Display) -> RunOutcome:
        """Work until the end or a stop, and leave the run with the status it has then."""
        error: CryoasyncError | None = None
        self._stop.has_work = True
        try:
            async with self._opened_processor() as (processor, limiter):
                await self._work(processor, limiter, display)
        except* CryoasyncError as group:
            error = _first(group)
        except* asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stop.signal is None or task is None:
                raise
            # The second signal: nothing more is waited for, and what was committed stays.
            task.uncancel()
        status = self._status(error)
        await self._finish(status)
        return RunOutcome(summary=self._summary(status), signal=self._stop.signal, error=error)

    @asynccontextmanager
    async def _opened_processor(self) -> AsyncIterator[tuple[ChunkProcessor, SharedRateLimiter]]:
        run = self._settings.run
        async with AsyncExitStack() as stack:
            file_budget = await stack.enter_async_context(
                FileBudgetStore.open(self._settings.state_dir / RATE_BUDGET_FILE, self._clock)
            )
            stores = [DatabaseBudgetStore(self._database, self._clock)]
            limiter = SharedRateLimiter(
                self._site.host,
                self._site.policy,
                stores if file_budget is None else [file_budget, *stores],
                clock=self._clock,
                rng=self._rng,
            )
            cache_path = self._settings.response_cache
            equipment = Equipment(
                run_id=self._started.run.id,
                base_url=self._site.base_url,
                limiter=limiter,
                reach=self._reach,
                sizer=self._sizer,
                traffic=self._traffic,
                cache=None
                if cache_path is None
                else await stack.enter_async_context(
                    ResponseCache.open(cache_path, max_bytes=run.cache_max_bytes, warn=warn_of_cache)
                ),
                cache_origin=self._site.cache_origin,
                pool=None
                if run.rdkit is RdkitMode.OFF
                else await stack.enter_async_context(RdkitPool(run.rdkit_workers)),
                lookup=PostgresLookup(self._database),
                clock=self._clock,
                wall_clock=_now,
                rng=self._rng,
            )
            yield await stack.enter_async_context(self._source.processor(equipment)), limiter

    async def _work(self, processor: ChunkProcessor, limiter: SharedRateLimiter, display: Display) -> None:
        """Run the stages, and beside them whatever must live exactly as long."""
        run = self._settings.run
        pool = WorkerPool(
            processor,
            num_workers=run.concurrent_chunks,
            max_queue_size=run.result_queue_size,
            clock=self._clock,
        )
        progress = Progress(
            self._checkpoints, pool, limiter, self._site.policy, self._traffic, clock=self._clock
        )
        async with asyncio.TaskGroup() as side_tasks:
            tasks = [
                side_tasks.create_task(limiter.run(), name="rate-limiter"),
                side_tasks.create_task(
                    beat(self._hold, self._patience(), progress.live_state), name="heartbeat"
                ),
                side_tasks.create_task(display(progress), name="progress"),
            ]
            await run_pipeline(
                ChunkGenerator(
                    PostgresPendingEntries(self._database, self._started.run), self._sizer, self._patience()
                ),
                pool,
                ResultCollector(
                    self._checkpoints,
                    batch_entries=run.batch_entries,
                    batch_age_seconds=run.batch_age_seconds,
                    clock=self._clock,
                ),
                self._stop,
                PipelineLimits(
                    chunk_queue_size=run.chunk_queue_size,
                    stop_grace_seconds=run.stop_grace_seconds,
                    stuck_after_seconds=run.stuck_after_seconds,
                ),
            )
            for task in tasks:
                task.cancel()

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
        now = self._clock()
        run, checkpoints = self._started.run, self._checkpoints
        first, last = self._traffic.first_sent_at, checkpoints.last_commit_at
        return Summary(
            run_id=run.id,
            name=run.name,
            source=run.source,
            status=status,
            counts=checkpoints.counts,
            already_done=self._started.already_done,
            duplicates=run.duplicates,
            traffic=self._traffic,
            rdkit_filled=checkpoints.rows_by_table[RDKIT_DESCRIPTORS.name],
            database=DatabaseWork(
                rows=checkpoints.rows, batches=checkpoints.batches, seconds=checkpoints.seconds
            ),
            elapsed_seconds=now - self._began_at,
            work_seconds=0.0 if first is None else max(0.0, (now if last is None else last) - first),
        )


def _first(group: BaseExceptionGroup[CryoasyncError]) -> CryoasyncError:
    """Return the first error of a group: the others are what followed from it."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _now() -> datetime:
    return datetime.now(UTC)
