"""``cryoasync failures``: what did not come in, and another try."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS, WhichRun
from cryoasync.cli.export import Format, OutputFile, require_file_with_json, told_export
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import cell, print_json, print_text
from cryoasync.errors import UsageError
from cryoasync.models import EntryState
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.failures import FailureList, FailureQuestion

app = typer.Typer(
    help="What did not come in: failures, ids that the source does not have, lines that are no id.",
    no_args_is_help=True,
)

RETRY_OPTIONS = (
    "run.takeover",
    "run.refresh",
    "run.workers",
    "run.chunk_size",
    "run.sequential",
    "run.cache",
    "run.max_rate",
    "run.cautious",
    "run.patience_seconds",
    "run.seed",
    "run.progress",
)
"""The settings that another try may change: what changes rows is as the run was made with."""

# Enough to read, and for a program to hold; `failures export` has no limit.
_SHOWN = 1_000


class ListedState(StrEnum):
    """The states that are listed."""

    FAILED = EntryState.FAILED.value
    NOT_FOUND = EntryState.NOT_FOUND.value
    INVALID = EntryState.INVALID.value


State = Annotated[ListedState, typer.Option("--state", help="What became of the entries.")]
OfRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="A run's number or name; by default the latest.")
]
AllRuns = Annotated[bool, typer.Option("--all-runs", help="Those of all runs.")]

_COLUMNS = {
    ListedState.FAILED: ("run_id", "source_id", "kind", "attempts", "last_seen", "message"),
    ListedState.NOT_FOUND: ("run_id", "line", "source_id", "reason"),
    ListedState.INVALID: ("run_id", "line", "source_id", "reason"),
}


@app.command("list")
@with_settings(*DATABASE_OPTIONS)
async def list_(
    loaded: LoadedSettings,
    state: State = ListedState.FAILED,
    run: OfRun = None,
    *,
    all_runs: AllRuns = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="How many to show at most.")
    ] = _SHOWN,
    as_json: AsJson = False,
) -> int:
    """List what did not come in: the failures that are not resolved, or with --state other entries."""
    # The database's library is not for --help.
    from cryoasync.service.failures import list_failures  # noqa: PLC0415 - see above

    question = _question(state, run, all_runs=all_runs)
    found = await list_failures(loaded.settings, question, limit)
    if as_json:
        print_json(found.to_json())
        return 0
    print_text(_table(found, _COLUMNS[state]) if found.total else _none(found))
    if found.not_shown:
        sys.stderr.write(
            f"{found.not_shown:,} more are not shown: give --limit, or write them with"
            " `cryoasync failures export`.\n"
        )
    return 0


@app.command()
@with_settings(*DATABASE_OPTIONS, *RETRY_OPTIONS)
async def retry(
    loaded: LoadedSettings,
    run: WhichRun = None,
    of_run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="The same.")] = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Try again what failed in a run, and settle what it left pending; its input is not needed.

    Summary and exit code are those of `run`.
    """
    if run is not None and of_run is not None:
        raise UsageError("The run is named twice.", hint="Name it once.")
    # The service loads every library; the other commands should not pay for that.
    from cryoasync.cli.outcome import print_outcome  # noqa: PLC0415 - see above
    from cryoasync.cli.progress import display_for  # noqa: PLC0415 - see above
    from cryoasync.service.retry_run import retry_run  # noqa: PLC0415 - see above

    display = display_for(loaded.settings.run.progress)
    outcome = await retry_run(loaded.settings, run or of_run, display)
    print_outcome(outcome, as_json=as_json)
    return outcome.exit_code


@app.command("export")
@with_settings(*DATABASE_OPTIONS)
async def export_(
    loaded: LoadedSettings,
    output: OutputFile = None,
    format_: Format = None,
    state: State = ListedState.FAILED,
    run: OfRun = None,
    *,
    all_runs: AllRuns = False,
    as_json: AsJson = False,
) -> int:
    """Write what `failures list` shows as CSV, JSON lines or Parquet, all of it."""
    # The database's library is not for --help.
    from cryoasync.service.export import export_target  # noqa: PLC0415 - see above
    from cryoasync.service.failures import export_failures  # noqa: PLC0415 - see above

    require_file_with_json(output, as_json=as_json)
    question = _question(state, run, all_runs=all_runs)
    target = export_target(output, format_)
    return await told_export(export_failures(loaded.settings, question, target), as_json=as_json)


def _question(state: ListedState, run: str | None, *, all_runs: bool) -> "FailureQuestion":
    from cryoasync.service.failures import FailureQuestion  # noqa: PLC0415 - not for --help

    if run is not None and all_runs:
        raise UsageError("--run and --all-runs exclude each other.", hint="Leave one of them out.")
    return FailureQuestion(state=EntryState(state), run=run, all_runs=all_runs)


def _table(found: "FailureList", columns: Iterable[str]) -> Table:
    table = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
    for entry in found.entries:
        table.add_row(*(cell(entry[column]) for column in columns))
    return table


def _none(found: "FailureList") -> str:
    whose = "There are no" if found.scope.run_id is None else f"Run {found.scope.run_id} has no"
    what = {
        EntryState.FAILED: "unresolved failures",
        EntryState.NOT_FOUND: "entries that the source does not have",
        EntryState.INVALID: "invalid entries",
    }[found.scope.state]
    return f"{whose} {what}."
