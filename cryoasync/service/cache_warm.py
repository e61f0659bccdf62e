"""Fills the response cache with what an input names, by the stages of an import, and writes no compound."""

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from cryoasync.control.chunks.half_hours import HalfHourTable
from cryoasync.control.rate.budget_store import BudgetStore
from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.traffic import Traffic
from cryoasync.database.budget import DatabaseBudgetStore
from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.errors import CryoasyncError, UsageError
from cryoasync.http.cache import ResponseCache
from cryoasync.http.cache_models import CacheProblem
from cryoasync.models import Failure, RunCounts, RunStatus
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.progress import Progress
from cryoasync.pipeline.shutdown import StopRequest, ending_by_signals, stopping_by_signals
from cryoasync.service.cache_care import cache_file, cache_to_fill, moved_aside, unusable
from cryoasync.service.cache_warnings import warn_of_cache
from cryoasync.service.heartbeat import HEARTBEAT_SECONDS
from cryoasync.service.run_start import digest_of
from cryoasync.service.site import Site, opened_site
from cryoasync.service.stages import Display, exit_code, utc_now
from cryoasync.service.warm_parts import EntriesToFetch, NoRows, Tally
from cryoasync.service.work import Work
from cryoasync.settings import LoadedSettings, RunSettings
from cryoasync.sources.input import InputDigest, InputList
from cryoasync.sources.pubchem.endpoints import SYNONYMS, property_endpoint
from cryoasync.sources.registry import SOURCES

_SOURCE = "pubchem"
_NO_RUN = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmOutcome:
    """How filling the cache ended, and what the cache has of the input now.

    Attributes:
        counts: of the entries; ``imported`` are those that the cache has an answer for.
        at_hand: those of them that it had before.
        failures: the first of them.
        is_full: whether the cache reached its limit, where new answers take the room of old ones.
        signal: what stopped it, if a signal did.
        error: what ended it early, if an error did.
    """

    path: Path
    status: RunStatus
    counts: RunCounts
    at_hand: int
    duplicates: int
    failures: tuple[Failure, ...]
    traffic: Traffic
    elapsed_seconds: float
    is_full: bool
    signal: Signals | None
    error: CryoasyncError | None

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return exit_code(self.error, self.signal, failed=self.counts.failed)

    @property
    def fetched(self) -> int:
        """Entries whose answer this command brought."""
        return self.counts.imported - self.at_hand

    def to_json(self) -> dict[str, Any]:
        """Return what ``cache warm --json`` prints."""
        return {
            "path": str(self.path),
            "status": self.status,
            "requested": self.counts.requested,
            "at_hand": self.at_hand,
            "fetched": self.fetched,
            **{state: getattr(self.counts, state) for state in ("not_found", "invalid", "failed", "pending")},
            "duplicates": self.duplicates,
            "requests": self.traffic.requests,
            "retries": self.traffic.retries,
            "throttled": self.traffic.throttled,
            "elapsed_seconds": self.elapsed_seconds,
            "errors": dict(self.traffic.errors),
            "recovered": dict(self.traffic.recovered),
            "failures": [
                {"source_id": failure.source_id, "kind": failure.kind, "message": failure.message}
                for failure in self.failures
            ],
            "is_full": self.is_full,
        }


async def warm_cache(loaded: LoadedSettings, words: list[str], display: Display) -> WarmOutcome:
    """Ask PubChem for what ``words`` name and the cache lacks, or has too old an answer for.

    Raises:
        CryoasyncError: it could not begin: the input, the settings, the cache or the database is in the way.
            What ends it later is in the outcome.
    """
    settings, stop = loaded.settings, StopRequest()
    source = SOURCES[_SOURCE](settings)
    async with AsyncExitStack() as stack:
        with ending_by_signals():
            inputs = stack.enter_context(
                InputList.open(words, scheme=source.scheme, stdin=sys.stdin.buffer, limit=settings.run.limit)
            )
        await stack.enter_async_context(stopping_by_signals(stop))
        digest = await digest_of(inputs)
        problems = _CacheProblems(stop)
        cache = await stack.enter_async_context(cache_to_fill(loaded, problems.tell))
        site = await stack.enter_async_context(opened_site(source, settings.run))
        work = Work(settings, source, site, stop, spoke_before=False)
        entries = _entries(inputs, cache, site, settings.run)
        warming = _Warming(loaded, work, cache, digest=digest, entries=entries, stop=stop)
        stores = await warming.opened_budgets(stack)
        outcome = await warming.run(stores, display)
        problems.cost_answers = False
        return outcome


def _entries(inputs: InputList, cache: ResponseCache, site: Site, run: RunSettings) -> EntriesToFetch:
    endpoints = [property_endpoint(run.properties), *([SYNONYMS] if run.synonyms else [])]
    return EntriesToFetch(
        inputs,
        cache,
        site.cache_origin,
        [endpoint.cache_key for endpoint in endpoints],
        max_age_seconds=float("-inf") if run.refresh else run.max_age_days * 86_400,
        wall_clock=utc_now,
    )


class _CacheProblems:
    """Raises what would let answers that are not kept pass for fetched ones, and logs the rest."""

    def __init__(self, stop: StopRequest) -> None:
        self.cost_answers = True
        self._stop = stop

    def tell(self, problem: CacheProblem) -> None:
        """Take a problem of the cache.

        Raises:
            UsageError: the cache is of no use, or was lost in the middle of the work.
        """
        is_begun = self._stop.has_work
        if not self.cost_answers or (problem.moved_to is not None and not is_begun):
            warn_of_cache(problem)
        elif problem.moved_to is None:
            raise unusable(problem.path, problem.reason)
        else:
            raise UsageError(moved_aside(problem), hint="Run the command again.")


class _Warming:
    """A cache about to be filled."""

    def __init__(
        self,
        loaded: LoadedSettings,
        work: Work,
        cache: ResponseCache,
        *,
        digest: InputDigest,
        entries: EntriesToFetch,
        stop: StopRequest,
    ) -> None:
        self._loaded = loaded
        self._work = work
        self._cache = cache
        self._digest = digest
        self._entries = entries
        self._stop = stop
        self._tally = Tally(digest, entries)
        self._database: Database | None = None

    async def opened_budgets(self, stack: AsyncExitStack) -> list[BudgetStore]:
        """Open the rate budgets that must be shared.

        All that one user does on one machine meets in a file, so that the embedded server need not run for
        this. Only a database that other machines can use is asked too, and any where the file cannot be used.
        A simulator of one's own is shared with nobody.
        """
        settings = self._loaded.settings
        stores: list[BudgetStore] = []
        file_budget = await stack.enter_async_context(self._work.opened_file_budget())
        if file_budget is not None:
            stores.append(file_budget)
        if not settings.run.simulate and (settings.database_is_external or not stores):
            self._database = await stack.enter_async_context(opened_database(settings))
            stores.append(DatabaseBudgetStore(self._database, self._work.clock))
        return stores

    async def run(self, stores: list[BudgetStore], display: Display) -> WarmOutcome:
        """Work until the end or a stop."""
        error = await self._work.ended(self._go_through(stores, display))
        run, counts = self._loaded.settings.run, self._tally.counts()
        status = RunStatus.FINISHED
        if error is not None:
            status = RunStatus.PAUSED
        elif self._stop.signal is not None and counts.pending:
            status = RunStatus.STOPPED
        return WarmOutcome(
            path=cache_file(self._loaded),
            status=status,
            counts=counts,
            at_hand=self._entries.at_hand,
            duplicates=self._digest.duplicates,
            failures=tuple(self._tally.failures),
            traffic=self._work.traffic,
            elapsed_seconds=self._work.clock() - self._work.began_at,
            is_full=error is None and (await self._cache.statistics()).file_bytes >= run.cache_max_bytes,
            signal=self._stop.signal,
            error=error,
        )

    async def _go_through(self, stores: list[BudgetStore], display: Display) -> None:
        work = self._work
        limiter = work.limiter(stores, HourTable())
        sizer = work.sizer(limiter, HalfHourTable())
        checkpoints = CheckpointManager(
            self._tally, self._tally.counts(), patience=work.patience(), clock=work.clock
        )
        equipment = work.equipment(
            limiter, sizer, run_id=_NO_RUN, cache=self._cache, pool=None, lookup=NoRows()
        )
        async with work.opened_processor(equipment) as processor:
            await work.go_through(
                self._entries,
                processor,
                checkpoints,
                limiter,
                sizer,
                beside={"progress": display, "database-watch": self._watch_database},
            )

    async def _watch_database(self, _: Progress) -> None:
        """See that a database whose budget is shared is there: without it no permit is granted.

        Raises:
            DatabaseUnavailableError: it was out of reach for longer than the patience.
        """
        patience = self._work.patience()
        while self._database is not None:
            await patience.keep_trying(self._ask_database)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _ask_database(self) -> None:
        assert self._database is not None
        async with self._database.transaction() as connection:
            await connection.execute("SELECT")
