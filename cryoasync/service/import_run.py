"""One start of a run, whole: every resource is opened here, in order, and closed in the reverse."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from cryoasync.chemistry.process_pool import RdkitPool
from cryoasync.database.budget import DatabaseBudgetStore
from cryoasync.database.connection import Database
from cryoasync.database.learned import LearnedStates
from cryoasync.database.lookup import PostgresLookup
from cryoasync.database.opening import opened_database
from cryoasync.database.runs.checkpoint import PostgresBatchStore
from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.owner import this_process
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import run_key
from cryoasync.database.runs.repository import RunRepository
from cryoasync.database.runs.spool import Spool
from cryoasync.http.cache import ResponseCache
from cryoasync.models import RunIdentity
from cryoasync.pipeline.shutdown import StopRequest, ending_by_signals, stopping_by_signals
from cryoasync.ports import ListReader
from cryoasync.service.cache_warnings import warn_of_cache
from cryoasync.service.learning import Learning
from cryoasync.service.listed import MissedEntries, by_pages, listed_entries
from cryoasync.service.origin_guard import OriginGuard, assert_expected_origin, expected_origin
from cryoasync.service.run_start import StartedRun, digest_of, spool_of, start_run
from cryoasync.service.run_work import RunOutcome, RunWork, batch_writer
from cryoasync.service.site import Site, opened_site, site_name
from cryoasync.service.stages import Display, utc_now
from cryoasync.service.work import Work
from cryoasync.settings import RdkitMode, Settings
from cryoasync.sources.input import InputList
from cryoasync.sources.registry import Source

DAYS_OF_REQUESTS_KEPT = 30
"""How long the table ``requests`` keeps what ``why`` reads."""


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

        async def spool(_: Database) -> Spool:
            return spool_of(inputs, digest, source, settings.run, utc_now())

        wanted = Wanted(digest=digest.sha256, spool=spool)
        return await import_wanted(wanted, settings, source, stop=stop, display=display)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run is to import: what identifies it, and what makes its entries where the run is a new one."""

    digest: str
    spool: Callable[[Database], Awaitable[Spool]]


async def import_wanted(
    wanted: Wanted, settings: Settings, source: Source, *, stop: StopRequest, display: Display
) -> RunOutcome:
    """Find or make the run over what is ``wanted``, and work on it; errors are those of :func:`import_run`."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened_database(settings))
        await assert_expected_origin(database, source.base_url, simulate=settings.run.simulate)
        runs = RunRepository(database, this_process())
        await runs.forget_requests(utc_now() - timedelta(days=DAYS_OF_REQUESTS_KEPT))
        identity = _identity(source, wanted.digest, settings)
        hold = await stack.enter_async_context(runs.hold(run_key(identity), takeover=settings.run.takeover))
        started = await start_run(
            hold, runs, identity, partial(wanted.spool, database), restart=settings.run.restart
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
    if started.run.listing is not None:
        settings = by_pages(settings, source)
    async with opened_site(source, settings.run) as site:
        start = _Start(settings, source, site, database=database, hold=hold, started=started, stop=stop)
        return await start.run(display)


def _identity(source: Source, digest: str, settings: Settings) -> RunIdentity:
    return RunIdentity(
        source=source.name,
        base_url=site_name(source, settings.run),
        input_digest=digest,
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
        self._learned = LearnedStates(database)
        self._host = site.host
        self._run = run
        self._stop = stop
        self._work = Work(settings, source, site, stop, spoke_before=spoke_before)
        writer = batch_writer(database, settings.run)
        store = PostgresBatchStore(run, writer)
        expected = expected_origin(site.base_url, simulate=settings.run.simulate)
        guard = OriginGuard(store, database, self._work.reach, site.base_url, expected)
        self._run_work = RunWork(started, self._work, guard, writer, hold=hold, stop=stop)

    async def run(self, display: Display) -> RunOutcome:
        """Work until the end or a stop."""
        return await self._run_work.run(self._go_through(display))

    async def _go_through(self, display: Display) -> None:
        settings, work, run = self._settings, self._work, self._run
        async with AsyncExitStack() as stack:
            file_budget = await stack.enter_async_context(work.opened_file_budget())
            stores = [DatabaseBudgetStore(self._database, work.clock)]
            # The run is claimed: from here on an outage is waited for.
            learning = await work.patience().keep_trying(partial(Learning.load, self._learned, self._host))
            limiter = work.limiter(stores if file_budget is None else [file_budget, *stores], learning.hours)
            sizer = work.sizer(limiter, learning.half_hours)
            equipment = work.equipment(
                limiter,
                sizer,
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
                listed=listed_entries(self._database, run),
            )
            processor = await stack.enter_async_context(work.opened_processor(equipment))
            checkpoints = self._run_work.checkpoints
            go_through = partial(
                work.go_through,
                beside={
                    "heartbeat": self._run_work.beat,
                    "progress": display,
                    "learning": lambda _: learning.keep(sizer),
                },
            )
            self._run_work.is_complete = not isinstance(processor, ListReader)
            pending = PostgresPendingEntries(self._database, run)
            await go_through(pending, processor, checkpoints, limiter, sizer)
            if isinstance(processor, ListReader) and not self._stop.is_set:
                missed = MissedEntries(self._database, run, processor, checkpoints)
                await go_through(missed, processor, checkpoints, limiter, sizer, prepare=missed.find)
                self._run_work.is_complete = missed.are_found
            await learning.save(sizer)
