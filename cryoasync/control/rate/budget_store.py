"""Where the permit log outlives the process: the port that the rate limiter leases through."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class BudgetTransaction(Protocol):
    """The stored permit log of one host, locked against every other process until the transaction ends."""

    log: bytes | None
    """The log as it was last saved; ``None`` for a host never asked before."""

    shift: int
    """Nanoseconds that the store's clock is ahead of the caller's clock."""

    def replace(self, log: bytes) -> None:
        """Save ``log`` when the transaction ends without an error."""
        ...


class BudgetStore(Protocol):
    """Keeps permit logs by host."""

    def transaction(self, host: str) -> AbstractAsyncContextManager[BudgetTransaction]:
        """Lock the log of ``host``, and save what was replaced at the end; an error on the way saves nothing."""
        ...
