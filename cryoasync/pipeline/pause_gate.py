"""Holds workers back between two chunks."""

import asyncio

from cryoasync.pipeline.shutdown import StopRequest


class PauseGate:
    """Open at first; while it is closed no chunk is begun, and those in hand are finished."""

    def __init__(self) -> None:
        """Start open."""
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_closed(self) -> bool:
        """Whether nobody passes."""
        return not self._open.is_set()

    def close(self) -> None:
        """Let nobody pass from now on."""
        self._open.clear()

    def open(self) -> None:
        """Let everybody pass."""
        self._open.set()

    async def wait(self, stop: StopRequest) -> None:
        """Return when the gate is open, or a stop is asked for."""
        while self.is_closed and not stop.is_set:
            waits = {asyncio.create_task(self._open.wait()), asyncio.create_task(stop.wait())}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()
