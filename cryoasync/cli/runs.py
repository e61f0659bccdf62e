"""``cryoasync runs``: the runs that the database knows."""

from typing import Annotated

import typer
from rich.table import Table

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS, Yes, confirm
from cryoasync.cli.durations import moment
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings

app = typer.Typer(help="The runs so far.", no_args_is_help=True)

_COLUMNS = (
    "run",
    "name",
    "source",
    "status",
    "requested",
    "imported",
    "not found",
    "invalid",
    "failed",
    "pending",
)


@app.command("list")
@with_settings(*DATABASE_OPTIONS)
async def list_(loaded: LoadedSettings, *, as_json: AsJson = False) -> int:
    """List all runs, the latest first."""
    # The database's library is not for --help.
    from cryoasync.database.opening import opened_database  # noqa: PLC0415 - see above
    from cryoasync.database.runs.owner import this_process  # noqa: PLC0415 - see above
    from cryoasync.database.runs.repository import RunRepository  # noqa: PLC0415 - see above
    from cryoasync.service.run_report import RunReport, owner_state, run_json  # noqa: PLC0415 - see above

    async with opened_database(loaded.settings) as database:
        runs = await RunRepository(database, this_process()).list_runs()
    reports = [RunReport(run=run, owner=owner_state(run), budgets=()) for run in runs]
    if as_json:
        print_json({"runs": [{**run_json(report.run), "status": report.standing} for report in reports]})
        return 0
    table = Table(*_COLUMNS, "started", box=None, pad_edge=False)
    for report in reports:
        run, counts = report.run, report.run.counts
        numbers = (counts.requested, counts.imported, counts.not_found, counts.invalid, counts.failed)
        table.add_row(
            str(run.id),
            run.name or "-",
            run.source,
            report.standing,
            *(f"{number:,}" for number in (*numbers, counts.pending)),
            moment(run.started_at),
        )
    print_text(table)
    return 0


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def delete(
    loaded: LoadedSettings,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's number or name.")],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Delete a run with its entries, failures and requests; the compounds stay."""
    # The database's library is not for --help.
    from cryoasync.database.opening import opened_database  # noqa: PLC0415 - see above
    from cryoasync.database.runs.owner import this_process  # noqa: PLC0415 - see above
    from cryoasync.database.runs.repository import RunRepository  # noqa: PLC0415 - see above

    async with opened_database(loaded.settings) as database:
        runs = RunRepository(database, this_process())
        found = await runs.get(run)
        if not yes:
            confirm(f"Delete run {found.id} with its {found.counts.requested:,} entries?")
        await runs.delete(found)
    if as_json:
        print_json({"deleted": {"run_id": found.id, "name": found.name}})
    else:
        print_text(f"Run {found.id} is deleted; its compounds stay.")
    return 0
