"""What tests of cryoasync, and of programs built on it, need: time by hand, and fakes of the ports."""

import asyncio
import selectors
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: where the loop would sleep, the clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and no timer is set")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``time()`` jumps from timer to timer, so that an hour takes a moment.

    It raises RuntimeError where every task waits for ever.
    """

    def __init__(self) -> None:
        """Start at second 0."""
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def stall(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as in a step that blocks the loop."""
        self._jumping.now += seconds

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._jumping.now


@dataclass
class MemoryBudget:
    """A budget transaction on a value in memory."""

    log: bytes | None
    shift: int

    def replace(self, log: bytes) -> None:
        """Keep ``log``."""
        self.log = log


class MemoryBudgetStore:
    """Permit logs in memory, for limiters that share one process."""

    def __init__(self, shift: int = 0) -> None:
        """Run a clock ``shift`` ns ahead of the caller's."""
        self.logs: dict[str, bytes | None] = {}
        self._shift = shift
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self, host: str) -> AsyncIterator[MemoryBudget]:
        """Lock the log of ``host``; save it where the block ends without an error."""
        async with self._lock:
            budget = MemoryBudget(self.logs.get(host), self._shift)
            yield budget
            self.logs[host] = budget.log
