"""``cryoasync status``: how a run stands."""

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS, WhichRun
from cryoasync.cli.durations import duration, moment
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings, Settings

if TYPE_CHECKING:
    from cryoasync.database.connection import Database
    from cryoasync.service.rate_use import RateUse
    from cryoasync.service.run_report import RunReport

REFRESH_SECONDS = 1.0


@with_settings(*DATABASE_OPTIONS)
async def status(
    loaded: LoadedSettings,
    run: WhichRun = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until the run ends.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the time goes to, and what limits the run.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show how a run stands: its counts, its process, the rate budget, and when it may be done.

    With --watch and --json the one object is printed when the run has ended.
    """
    # The database's library is not for --help.
    from cryoasync.database.opening import opened_database  # noqa: PLC0415 - see above
    from cryoasync.service.run_report import run_report  # noqa: PLC0415 - see above

    async with opened_database(loaded.settings) as database:
        report = await run_report(database, loaded.settings, run)
        if watch:
            report = await _watch(database, loaded.settings, report, explain=explain)
    if as_json:
        print_json(report.to_json())
    else:
        print_text(_picture(report, explain=explain))
    return 0


async def _watch(
    database: "Database", settings: Settings, report: "RunReport", *, explain: bool
) -> "RunReport":
    """Refresh on a terminal until the run ends, and return its last state; in a pipe only wait.

    The state is asked for, because a run behind a transaction pooler could not notify anybody.
    """
    from cryoasync.service.run_report import run_report  # noqa: PLC0415 - not for --help

    with Live(console=Console(file=sys.stderr), transient=True, auto_refresh=False) as live:
        while report.is_at_work:
            if live.console.is_terminal:
                live.update(_picture(report, explain=explain), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)
            report = await run_report(database, settings, str(report.run.id))
    return report


def _picture(report: "RunReport", *, explain: bool) -> Group:
    from cryoasync.service.diagnosis import diagnosis  # noqa: PLC0415 - not for --help

    sentences = [Text(line) for line in diagnosis(report.standing, report.live)] if explain else []
    return Group(_table(report), *sentences)


def _table(report: "RunReport") -> Table:
    run, counts, live = report.run, report.run.counts, report.live
    table = Table(box=None, show_header=False, pad_edge=False)
    title = f"run {run.id}" + (f" ({run.name})" if run.name else "")
    place = f" at {run.base_url}" if run.base_url else ""
    table.add_row(title, f"{run.source}{place}, {report.standing}")
    if run.owner is not None:
        age = duration(run.heartbeat_age_seconds)
        table.add_row(
            "process", f"{run.owner.pid} on {run.owner.host}, {report.owner}, last heard of {age} ago"
        )
    table.add_row("started", moment(run.started_at))
    if run.finished_at is not None:
        table.add_row("finished", moment(run.finished_at))
    done = counts.requested - counts.pending
    share = f" ({done / counts.requested:.1%})" if counts.requested else ""
    table.add_row("done", f"{done:,} of {counts.requested:,}{share}")
    for state in ("imported", "not_found", "invalid", "failed", "pending"):
        table.add_row(state.replace("_", " "), f"{getattr(counts, state):,}")
    if live is not None:
        if control := _control(live):
            table.add_row("orders", control)
        table.add_row(
            "requests",
            f"{live['requests']:,} in this start, {live['request_rate']:.2f} a second,"
            f" {live['throttled']:,} throttled, {live['errors']:,} errors",
        )
        for name, circuit in live.get("circuits", {}).items():
            if circuit["state"] != "closed":
                table.add_row("circuit", f"{name or run.source} {circuit['state'].replace('_', ' ')}")
        table.add_row("time left", duration(live["eta_seconds"]))
        if "database" in live:
            table.add_row("database", _database(live["database"]))
    for budget in report.budgets:
        table.add_row("rate budget", f"{budget.host}: {_budget(budget)}")
    return table


def _control(live: Mapping[str, Any]) -> str:
    control = live.get("control", {})
    parts = []
    if control.get("paused"):
        parts.append("paused" if control["drained"] else "pausing")
    if control.get("max_rate") is not None:
        parts.append(f"at most {control['max_rate']:g} requests a second")
    return ", ".join(parts)


def _database(state: Mapping[str, Any]) -> str:
    from cryoasync.service.database_state import connections_in_words  # noqa: PLC0415 - not for --help

    pause = ", fetching is paused" if state["pause"]["lasts"] else ""
    return connections_in_words(state) + pause


def _budget(budget: "RateUse") -> str:
    parts = [f"{window.used} of {window.limit} in {window.seconds:g} s" for window in budget.windows]
    if budget.running_seconds is not None:
        used, limit, seconds = budget.running_seconds
        parts.append(f"{used:.1f} s of {limit:g} s running time in {seconds:g} s")
    return ", ".join(parts)
