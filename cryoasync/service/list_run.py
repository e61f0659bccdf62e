"""One start of a run over a list of the source's, whose ids are not known before."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict

from cryoasync.control.chunks.half_hours import HalfHourTable
from cryoasync.control.rate.hour_table import HourTable
from cryoasync.database.budget import DatabaseBudgetStore
from cryoasync.database.connection import Database
from cryoasync.database.runs.spool import Spool, SpooledEntry
from cryoasync.errors import UsageError
from cryoasync.pipeline.shutdown import StopRequest, stopping_by_signals
from cryoasync.service.import_run import Wanted, import_wanted
from cryoasync.service.run_work import RunOutcome
from cryoasync.service.site import opened_site
from cryoasync.service.stages import Display
from cryoasync.service.warm_parts import NoRows
from cryoasync.service.work import Work, granted
from cryoasync.settings import Settings
from cryoasync.sources.equipment import Listing
from cryoasync.sources.registry import ListSource

_NO_RUN = 0
_PAGE_ENTRIES = 10_000


async def import_list(
    settings: Settings, source: ListSource, words: Sequence[str], display: Display
) -> RunOutcome:
    """Import what the list has that the settings ask for, resuming where an earlier start stopped.

    Raises:
        CryoasyncError: the run could not start: what is asked for, the settings, the source, the database or
            another process is in the way. What stops it later is in the outcome.
    """
    digest = source.list_digest
    assert digest is not None, "the caller has looked"
    require_no_ids(words)
    stop = StopRequest()
    async with stopping_by_signals(stop):

        async def spool(database: Database) -> Spool:
            listing = await _surveyed(settings, source, database, stop)
            count = min(listing.total, settings.run.limit or listing.total)
            return Spool(pages=_places(source, count), listing=asdict(listing))

        wanted = Wanted(digest=digest, spool=spool)
        return await import_wanted(wanted, settings, source, stop=stop, display=display)


def require_no_ids(words: Sequence[str]) -> None:
    """See that a list alone is asked for.

    Raises:
        UsageError: there are ids, too.
    """
    if words:
        raise UsageError(
            f"{words[0]} is given beside conditions.", hint="Give either ids, or conditions, or --all."
        )


async def _surveyed(settings: Settings, source: ListSource, database: Database, stop: StopRequest) -> Listing:
    async with opened_site(source, settings.run) as site, AsyncExitStack() as stack:
        work = Work(settings, source, site, stop, spoke_before=False)
        file_budget = await stack.enter_async_context(work.opened_file_budget())
        stores = [DatabaseBudgetStore(database, work.clock)]
        limiter = work.limiter(stores if file_budget is None else [file_budget, *stores], HourTable())
        sizer = work.sizer(limiter, HalfHourTable())
        equipment = work.equipment(limiter, sizer, run_id=_NO_RUN, cache=None, pool=None, lookup=NoRows())
        return await granted(limiter, source.survey(equipment))


async def _places(source: ListSource, count: int) -> AsyncIterator[Sequence[SpooledEntry]]:
    """Yield an entry for each place."""
    for start in range(0, count, _PAGE_ENTRIES):
        yield [
            SpooledEntry(source.place(position))
            for position in range(start, min(start + _PAGE_ENTRIES, count))
        ]
