"""Changes a run at work from another process, through the database."""

import asyncio
from dataclasses import dataclass
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.database.runs.orders import give_orders
from cryoasync.errors import RunSilentError, UsageError
from cryoasync.models import RunOrders
from cryoasync.service.run_report import RunReport, run_report
from cryoasync.settings import Settings

ANSWER_SECONDS = 15.0
"""How long the process at work is waited for: it looks for orders every two seconds."""

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Orders that the process at work has confirmed.

    Attributes:
        drained: whether a paused run has nothing in hand any more.
        in_hand: chunks that are still worked on.
    """

    report: RunReport
    orders: RunOrders
    drained: bool
    in_hand: int

    def to_json(self) -> dict[str, Any]:
        """Return what ``ctl --json`` prints."""
        return {
            "run_id": self.report.run.id,
            "name": self.report.run.name,
            **self.orders.to_json(),
            "drained": self.drained,
            "chunks_in_hand": self.in_hand,
        }


async def order(settings: Settings, id_or_name: str | None, **changes: Any) -> Followed:
    """Change the orders of a run, and wait until its process follows them.

    Raises:
        UsageError: there is no such run, nothing works on it, or it has no source whose rate could be set.
        RunSilentError: the process at work has not answered; it follows as soon as it can.
    """
    async with opened_database(settings) as database:
        report = await run_report(database, settings, id_or_name)
        _require_at_work(report, changes)
        orders = await give_orders(database, report.run, **changes)
        return await _followed(database, settings, report, orders)


def _require_at_work(report: RunReport, changes: dict[str, Any]) -> None:
    run, live = report.run, report.live
    if not report.is_at_work:
        raise UsageError(
            f"Nothing is at work on run {run.id}: it is {report.standing}.",
            hint="`cryoasync runs list` shows all runs; the command that began a run starts it again.",
        )
    if "max_rate" in changes and live is not None and not live["control"]["can_set_rate"]:
        raise UsageError(f"Run {run.id} asks no source, so that there is no rate to set.")
    if "reset_breaker" in changes and live is not None and not live["control"]["can_reset_breaker"]:
        raise UsageError(f"Run {run.id} asks no source, so that there is no circuit to reset.")


async def _followed(database: Database, settings: Settings, report: RunReport, orders: RunOrders) -> Followed:
    run, loop = report.run, asyncio.get_running_loop()
    deadline = loop.time() + ANSWER_SECONDS
    while loop.time() < deadline:
        report = await run_report(database, settings, str(run.id))
        if report.run.epoch != run.epoch or not report.is_at_work:
            raise UsageError(f"Run {run.id} has just ended: it is {report.standing}.")
        live = report.live
        control = {} if live is None else live["control"]
        if live is not None and orders.to_json().items() <= control.items():
            in_hand = sum(worker["chunk"] is not None for worker in live["workers"])
            return Followed(report=report, orders=orders, drained=control["drained"], in_hand=in_hand)
        await asyncio.sleep(LOOK_SECONDS)
    raise RunSilentError(
        f"The process of run {run.id} has not answered for {ANSWER_SECONDS:g} s.",
        hint="It follows as soon as it can; `cryoasync status` shows when.",
    )
