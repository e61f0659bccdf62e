"""``cryoasync run``: import compounds, and show how it goes."""

from typing import Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import error_value, print_error, print_json
from cryoasync.settings import LoadedSettings

app = typer.Typer(help="Import compounds.", no_args_is_help=True)

RUN_OPTIONS = (
    "run.name",
    "run.restart",
    "run.takeover",
    "run.refresh",
    "run.max_age_days",
    "run.workers",
    "run.chunk_size",
    "run.sequential",
    "run.synonyms",
    "run.properties",
    "run.rdkit",
    "run.cache",
    "run.max_rate",
    "run.limit",
    "run.patience_seconds",
    "run.simulate",
    "run.scenario",
    "run.seed",
    "run.progress",
    "pubchem.base_url",
)

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...", help="Files of CIDs, - for standard input, CIDs, or ranges such as 1-5000."
    ),
]


@app.command()
@with_settings(*RUN_OPTIONS)
async def pubchem(loaded: LoadedSettings, inputs: Inputs = None, *, as_json: AsJson = False) -> int:
    """Import compounds from PubChem by CID.

    The same command again goes on where it was stopped, retries what failed, or brings up to date what has
    grown old.
    """
    # The service loads every library; the other commands should not pay for that.
    from cryoasync.cli.progress import display_for  # noqa: PLC0415
    from cryoasync.cli.summary import print_summary  # noqa: PLC0415
    from cryoasync.service.import_run import import_run  # noqa: PLC0415
    from cryoasync.sources.registry import SOURCES  # noqa: PLC0415

    source = SOURCES["pubchem"](loaded.settings)
    outcome = await import_run(
        loaded.settings, source, inputs or [], display_for(loaded.settings.run.progress)
    )
    if as_json:
        report = outcome.summary.to_json()
        print_json(report if outcome.error is None else {**report, "error": error_value(outcome.error)})
    else:
        print_summary(outcome.summary)
        if outcome.error is not None:
            print_error(outcome.error, as_json=False)
    return outcome.exit_code
