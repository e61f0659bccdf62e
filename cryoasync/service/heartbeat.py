"""Shows, every two seconds, that a run is at work and how it stands."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from cryoasync.database.run_hold import RunHold
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.pipeline.checkpoint import CheckpointManager

HEARTBEAT_SECONDS = 2.0


async def beat(
    hold: RunHold, checkpoints: CheckpointManager, live_state: Callable[[], Mapping[str, Any]]
) -> None:
    """Write the live state until cancelled; an outage of the database counts against its patience.

    Raises:
        RunFencedError: another process has taken the run over.
        DatabaseUnavailableError: the database was out of reach for longer than the patience.
    """
    while True:
        try:
            await hold.heartbeat(live_state())
            checkpoints.available()
        except DatabaseUnavailableError as error:
            checkpoints.unavailable(error)
        await asyncio.sleep(HEARTBEAT_SECONDS)
