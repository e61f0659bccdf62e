"""Starts a run again from what the database keeps of it, without its input list."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pydantic import ValidationError

from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.database.runs.choice import chosen_run
from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.owner import this_process
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.repository import RunRepository
from cryoasync.errors import InputError, SettingsError
from cryoasync.pipeline.shutdown import StopRequest, stopping_by_signals
from cryoasync.service.file_run import FileStart, digest_of_files, files_named, require_real
from cryoasync.service.import_run import work_on
from cryoasync.service.origin_guard import assert_expected_origin
from cryoasync.service.run_start import StartedRun
from cryoasync.service.run_work import RunOutcome
from cryoasync.service.site import scenario_of
from cryoasync.service.stages import Display
from cryoasync.settings import Settings
from cryoasync.sources.files.processor import SOURCE as FILES
from cryoasync.sources.files.record_reader import RecordReader
from cryoasync.sources.registry import SOURCES

_LIST_KEYS = ("where", "everything")


async def retry_run(settings: Settings, id_or_name: str | None, display: Display) -> RunOutcome:
    """Settle what a run left pending, and try again what failed; without an id or name, of the latest run.

    The settings that change rows, and the address, are those the run was made with.

    Raises:
        CryoasyncError: the run could not start. What stops it later is in the outcome.
    """
    stop = StopRequest()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stopping_by_signals(stop))
        database = await stack.enter_async_context(opened_database(settings))
        run = await chosen_run(database, id_or_name)
        settings = settings_of(run, settings)
        if run.source == FILES:
            return await _retry_files(run, settings, database=database, stop=stop, display=display)
        source = SOURCES[run.source](settings)
        await assert_expected_origin(database, source.base_url, simulate=settings.run.simulate)
        async with _claimed(run, settings, database) as (hold, started):
            return await work_on(
                started, settings, source, database=database, hold=hold, stop=stop, display=display
            )


async def _retry_files(
    run: Run, settings: Settings, *, database: Database, stop: StopRequest, display: Display
) -> RunOutcome:
    files = files_named(run.settings["files"], settings)
    digest = await digest_of_files(files)
    if digest.sha256 != run.input_digest:
        raise InputError(
            f"The files of run {run.id} were changed since.",
            hint="Import them anew with `cryoasync run files`.",
        )
    await require_real(database, settings)
    async with _claimed(run, settings, database) as (hold, started):
        start = FileStart(started, settings, RecordReader(files, digest), digest, stop)
        return await start.run(database, hold, display)


@asynccontextmanager
async def _claimed(
    run: Run, settings: Settings, database: Database
) -> AsyncIterator[tuple[RunHold, StartedRun]]:
    runs = RunRepository(database, this_process())
    async with runs.hold(run.run_key, takeover=settings.run.takeover) as hold:
        claimed = await hold.claim(await runs.get(str(run.id)))
        yield hold, StartedRun(run=claimed, is_new=False, already_done=claimed.counts.imported)


def settings_of(run: Run, settings: Settings) -> Settings:
    """Return ``settings`` with those that ``run`` was made with in their place.

    Raises:
        SettingsError: the policy set is not one for the address of the run.
    """
    changed: dict[str, Any] = settings.model_dump()
    changed["run"]["name"] = run.name
    if run.source == FILES:
        changed["run"] |= {key: run.settings[key] for key in ("rdkit", "limit")}
        changed["files"]["id_tag"] = run.settings["id_tag"]
    else:
        changed["run"] |= {key: value for key, value in run.settings.items() if key not in _LIST_KEYS}
        changed["chembl"] |= {key: run.settings[key] for key in _LIST_KEYS if key in run.settings}
        _set_site(changed, run)
    try:
        return Settings.model_validate(changed)
    except ValidationError as error:
        # Not "from error": pydantic's message shows the values, passwords included.
        told = "; ".join(detail["msg"] for detail in error.errors(include_url=False))
        raise SettingsError(f"Run {run.id} cannot be started with the settings given: {told}.") from None


def _set_site(changed: dict[str, Any], run: Run) -> None:
    scenario = scenario_of(run.base_url)
    changed["run"]["simulate"] = scenario is not None
    if scenario is None:
        changed[run.source]["base_url"] = run.base_url
    else:
        changed["run"]["scenario"] = scenario
