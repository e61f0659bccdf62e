"""Shows, every two seconds, that a run is at work and how it stands."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from cryoasync.database.runs.hold import RunHold
from cryoasync.models import RunOrders
from cryoasync.pipeline.database_patience import DatabasePatience

HEARTBEAT_SECONDS = 2.0

_log = structlog.get_logger(__name__)


async def beat(
    hold: RunHold,
    patience: DatabasePatience,
    live_state: Callable[[], Mapping[str, Any]],
    follow: Callable[[RunOrders], bool],
) -> None:
    """Write the live state and follow what orders there are, until cancelled; orders are confirmed at once.

    Raises:
        RunFencedError: another process has taken the run over.
        DatabaseUnavailableError: the database was out of reach for longer than the patience.
    """
    while True:
        orders = await patience.keep_trying(lambda: hold.heartbeat(live_state()))
        if follow(orders):
            _log.info("orders followed", **orders.to_json())
            continue
        await asyncio.sleep(HEARTBEAT_SECONDS)
