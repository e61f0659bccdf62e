"""Shows, every two seconds, that a run is at work and how it stands."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from cryoasync.database.run_hold import RunHold
from cryoasync.pipeline.database_patience import DatabasePatience

HEARTBEAT_SECONDS = 2.0


async def beat(
    hold: RunHold, patience: DatabasePatience, live_state: Callable[[], Mapping[str, Any]]
) -> None:
    """Write the live state until cancelled.

    Raises:
        RunFencedError: another process has taken the run over.
        DatabaseUnavailableError: the database was out of reach for longer than the patience.
    """
    while True:
        await patience.keep_trying(lambda: hold.heartbeat(live_state()))
        await asyncio.sleep(HEARTBEAT_SECONDS)
