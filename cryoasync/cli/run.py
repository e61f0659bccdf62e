"""``cryoasync run``: import compounds, and show how it goes."""

from typing import Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.import_options import (
    CHEMBL_OPTIONS,
    FILE_OPTIONS,
    PUBCHEM_OPTIONS,
    ChemblInputs,
    Files,
    Inputs,
    Where,
    with_conditions,
)
from cryoasync.cli.options import AsJson
from cryoasync.cli.plan import show_file_plan, show_plan
from cryoasync.settings import LoadedSettings

app = typer.Typer(help="Import compounds.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it will take, as `plan`.")]


@app.command()
@with_settings(*PUBCHEM_OPTIONS)
async def pubchem(
    loaded: LoadedSettings,
    inputs: Inputs = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Import compounds from PubChem by CID.

    The same command again goes on where it was stopped, retries what failed, or brings up to date what has
    grown old.
    """
    return await _import(loaded, "pubchem", inputs or [], dry_run=dry_run, as_json=as_json)


@app.command()
@with_settings(*CHEMBL_OPTIONS)
async def chembl(
    loaded: LoadedSettings,
    inputs: ChemblInputs = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Import molecules from ChEMBL by id, or all that fulfil some conditions.

    The same command again goes on where it was stopped, retries what failed, or brings up to date what has
    grown old.
    """
    return await _import(
        with_conditions(loaded, where), "chembl", inputs or [], dry_run=dry_run, as_json=as_json
    )


async def _import(
    loaded: LoadedSettings, source: str, inputs: list[str], *, dry_run: bool, as_json: bool
) -> int:
    if dry_run:
        return show_plan(loaded, source, inputs, as_json=as_json)
    # The service loads every library; the other commands should not pay for that.
    from cryoasync.cli.outcome import print_outcome  # noqa: PLC0415 - see above
    from cryoasync.cli.progress import display_for  # noqa: PLC0415 - see above
    from cryoasync.service.import_run import import_run  # noqa: PLC0415 - see above
    from cryoasync.service.list_run import import_list  # noqa: PLC0415 - see above
    from cryoasync.sources.registry import SOURCES, ListSource  # noqa: PLC0415 - see above

    settings, display = loaded.settings, display_for(loaded.settings.run.progress)
    asked = SOURCES[source](settings)
    if isinstance(asked, ListSource) and asked.list_digest is not None:
        outcome = await import_list(settings, asked, inputs, display)
    else:
        outcome = await import_run(settings, asked, inputs, display)
    print_outcome(outcome, as_json=as_json)
    return outcome.exit_code


@app.command()
@with_settings(*FILE_OPTIONS)
async def files(
    loaded: LoadedSettings, files: Files, *, dry_run: DryRun = False, as_json: AsJson = False
) -> int:
    """Import SDF and SMILES files; nobody is asked.

    PubChem's own SDF files and ChEMBL's are known by their tags, and go where answers of their sources go. The same
    command again goes on where it was stopped.
    """
    if dry_run:
        return show_file_plan(loaded, files, as_json=as_json)
    # The service loads every library; the other commands should not pay for that.
    from cryoasync.cli.outcome import print_outcome  # noqa: PLC0415 - see above
    from cryoasync.cli.progress import display_for  # noqa: PLC0415 - see above
    from cryoasync.service.file_run import run_files  # noqa: PLC0415 - see above

    outcome = await run_files(loaded.settings, files, display_for(loaded.settings.run.progress))
    print_outcome(outcome, as_json=as_json)
    return outcome.exit_code
