"""One start of a run over files of structures, for which no source is asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import islice
from typing import Any

import structlog

from cryoasync.chemistry.process_pool import RdkitPool
from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.database.origin import Origin, assert_origin
from cryoasync.database.runs.checkpoint import PostgresBatchStore
from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.owner import this_process
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import run_key
from cryoasync.database.runs.repository import RunRepository
from cryoasync.database.runs.spool import Spool, SpooledEntry
from cryoasync.errors import InputError, UsageError
from cryoasync.models import EntryState, RunIdentity
from cryoasync.pipeline.shutdown import StopRequest, stopping_by_signals
from cryoasync.service.run_start import StartedRun, start_run
from cryoasync.service.run_work import RunOutcome, RunWork, batch_writer
from cryoasync.service.stages import Display, Stages, utc_now
from cryoasync.settings import RdkitMode, RunSettings, Settings
from cryoasync.sources.files.collection import FilesDigest, StructureFiles
from cryoasync.sources.files.models import FileItem, Unreadable
from cryoasync.sources.files.processor import SOURCE, FileImportOptions, FilesProcessor
from cryoasync.sources.files.record_reader import RecordReader

_PAGE_ENTRIES = 10_000


async def run_files(settings: Settings, words: Sequence[str], display: Display) -> RunOutcome:
    """Import the files that ``words`` name, resuming where an earlier start stopped.

    Raises:
        CryoasyncError: the run could not start: a file, the settings, the database or another process is in
            the way. What stops it later is in the outcome.
    """
    stop = StopRequest()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stopping_by_signals(stop))
        files = files_named(words, settings)
        digest = await digest_of_files(files)
        database = await stack.enter_async_context(opened_database(settings))
        await require_real(database, settings)
        runs = RunRepository(database, this_process())
        identity = _identity(files, digest, settings)
        hold = await stack.enter_async_context(runs.hold(run_key(identity), takeover=settings.run.takeover))

        async def spool() -> Spool:
            return Spool(pages=_spooled(files, digest))

        started = await start_run(hold, runs, identity, spool, restart=settings.run.restart)
        start = FileStart(started, settings, RecordReader(files, digest), digest, stop)
        return await start.run(database, hold, display)


def files_named(words: Sequence[str], settings: Settings) -> StructureFiles:
    """Return the files that ``words`` name, to be read as the settings say.

    Raises:
        InputError: one cannot be imported.
    """
    return StructureFiles.named(words, id_tag=settings.files.id_tag, limit=settings.run.limit)


async def digest_of_files(files: StructureFiles) -> FilesDigest:
    """Read all bytes of the files, off the event loop; errors are those of :meth:`StructureFiles.hashing`."""
    steps = files.hashing()
    while (digest := await asyncio.to_thread(next, steps)) is None:
        pass
    return digest


async def require_real(database: Database, settings: Settings) -> None:
    """Keep what files hold apart from simulated compounds.

    Raises:
        UsageError: the settings ask for a simulation.
        OriginMismatchError: the database holds simulated compounds.
    """
    if settings.run.simulate:
        raise UsageError("There is nothing to simulate in files.", hint="Import them without run.simulate.")
    async with database.session() as connection:
        await assert_origin(connection, Origin.REAL)


class FileStart:
    """A claimed run over files, about to work."""

    def __init__(
        self,
        started: StartedRun,
        settings: Settings,
        reader: RecordReader,
        digest: FilesDigest,
        stop: StopRequest,
    ) -> None:
        """Read from ``reader`` what is pending."""
        self._started = started
        self._settings = settings
        self._reader = reader
        self._digest = digest
        self._stop = stop
        self._stages = Stages(_with_workers_for_rdkit(settings.run), stop, None)
        self._damage: Unreadable | None = None

    async def run(self, database: Database, hold: RunHold, display: Display) -> RunOutcome:
        """Work until the end or a stop; a file that is damaged somewhere is an error once the rest is imported."""
        structlog.contextvars.bind_contextvars(run=self._started.run.id)
        writer = batch_writer(database, self._settings.run)
        store = PostgresBatchStore(self._started.run, writer)
        work = RunWork(self._started, self._stages, store, writer, hold=hold, stop=self._stop)
        outcome = await work.run(self._go_through(database, work, display))
        if outcome.error is None and self._damage is not None:
            return replace(outcome, error=_damage_error(self._damage))
        return outcome

    async def _go_through(self, database: Database, work: RunWork, display: Display) -> None:
        run = self._settings.run
        async with AsyncExitStack() as stack:
            reader = await stack.enter_async_context(self._reader)
            pool = None
            if run.rdkit is not RdkitMode.OFF:
                pool = await stack.enter_async_context(RdkitPool(run.rdkit_workers))
            options = FileImportOptions(
                run_id=self._started.run.id, digest=self._digest, compute_all=run.rdkit is RdkitMode.ALL
            )
            await self._stages.go_through(
                PostgresPendingEntries(database, self._started.run),
                FilesProcessor(reader, pool, options, wall_clock=utc_now),
                work.checkpoints,
                None,
                None,
                beside={"heartbeat": work.beat, "progress": display},
            )
            if not self._stop.is_set:
                self._damage = await reader.damage()


def _identity(files: StructureFiles, digest: FilesDigest, settings: Settings) -> RunIdentity:
    row_settings: dict[str, Any] = {
        "files": [str(path) for path in files.paths],
        "id_tag": settings.files.id_tag,
        "rdkit": settings.run.rdkit.value,
        "limit": settings.run.limit,
    }
    return RunIdentity(
        source=SOURCE,
        base_url="",
        input_digest=digest.sha256,
        settings=row_settings,
        name=settings.run.name,
    )


async def _spooled(files: StructureFiles, digest: FilesDigest) -> AsyncIterator[Sequence[SpooledEntry]]:
    """Yield an entry for each item of the files, seeing that they are still those that were digested."""
    items = files.items()

    def next_page() -> list[SpooledEntry]:
        return [_spooled_entry(item) for item in islice(items, _PAGE_ENTRIES)]

    while page := await asyncio.to_thread(next_page):
        yield page
    digest.require_unchanged()


def _spooled_entry(item: FileItem) -> SpooledEntry:
    if isinstance(item, Unreadable):
        return SpooledEntry(item.entry_id, item.record, EntryState.INVALID, item.told_reason)
    return SpooledEntry(item.entry_id, item.record)


def _with_workers_for_rdkit(run: RunSettings) -> RunSettings:
    """Let one chunk be read while RDKit's processes compute others, unless the user says how many.

    With more than that each would take longer, and a kill would cost more of what was computed.
    """
    if "workers" in run.model_fields_set:
        return run
    return run.model_copy(update={"workers": run.rdkit_workers + 1})


def _damage_error(damage: Unreadable) -> InputError:
    return InputError(
        f"{damage.file}: {damage.reason}. What comes before it is imported.",
        hint="Fetch or copy the file again; the same command then imports all of it.",
    )
