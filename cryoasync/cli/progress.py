"""Shows a run at work on stderr: a live line on a terminal, log lines elsewhere."""

import asyncio
import sys
from datetime import timedelta

import structlog
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cryoasync.pipeline.progress import Progress, Snapshot
from cryoasync.service.stages import Display
from cryoasync.settings import ProgressMode

REFRESH_SECONDS = 0.25
LOG_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def display_for(mode: ProgressMode) -> Display:
    """Return the display that ``mode`` means here: live on a terminal, else log lines, unless it is said."""
    if mode is ProgressMode.AUTO:
        mode = ProgressMode.RICH if sys.stderr.isatty() else ProgressMode.LOG
    return {ProgressMode.RICH: _show_live, ProgressMode.LOG: _write_lines, ProgressMode.NONE: _show_nothing}[
        mode
    ]


async def _show_live(progress: Progress) -> None:
    with Live(console=Console(stderr=True), refresh_per_second=1 / REFRESH_SECONDS, transient=True) as live:
        while True:
            live.update(_picture(progress.snapshot()))
            await asyncio.sleep(REFRESH_SECONDS)


async def _write_lines(progress: Progress) -> None:
    while True:
        await asyncio.sleep(LOG_SECONDS)
        snapshot = progress.snapshot()
        counts = snapshot.counts
        _log.info(
            "progress",
            done=counts.requested - counts.pending,
            total=counts.requested,
            failed=counts.failed,
            requests=snapshot.requests,
            request_rate=round(snapshot.request_rate, 2),
            throttled=snapshot.throttled,
            errors=snapshot.errors,
            eta=_duration(snapshot.eta_seconds),
            time=_time_shares(snapshot),
        )


async def _show_nothing(_: Progress) -> None:
    """Live as long as the run, and say nothing."""
    await asyncio.Event().wait()


def _picture(snapshot: Snapshot) -> RenderableType:
    counts = snapshot.counts
    done = counts.requested - counts.pending
    line = Table.grid(padding=(0, 2))
    line.add_row(
        ProgressBar(total=max(1, counts.requested), completed=done, width=40),
        f"{done:,}/{counts.requested:,}",
        _pace(snapshot),
        f"ETA {_duration(snapshot.eta_seconds)}",
    )
    details = (
        f"imported {counts.imported:,}  not found {counts.not_found:,}  failed {counts.failed:,}"
        f"  errors {snapshot.errors:,}  throttled {snapshot.throttled:,}"
    )
    held = (
        Text(f"the source asked to be left alone for {snapshot.held_seconds:.0f} s more", style="yellow")
        if snapshot.held_seconds > 0
        else Text(f"time goes to: {_time_shares(snapshot)}", style="dim")
    )
    return Group(line, Text(details), held)


def _pace(snapshot: Snapshot) -> str:
    if snapshot.policy_rate is None:
        seconds = snapshot.elapsed_seconds
        return f"{snapshot.settled_in_start / seconds if seconds > 0 else 0:,.0f} records/s"
    return f"{snapshot.request_rate:.2f} of {snapshot.policy_rate:g} requests/s"


def _time_shares(snapshot: Snapshot) -> str:
    shares = sorted(snapshot.time_shares.items(), key=lambda share: -share[1])
    return ", ".join(f"{activity} {share:.0%}" for activity, share in shares if share >= 0.01)


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else str(timedelta(seconds=round(seconds)))
