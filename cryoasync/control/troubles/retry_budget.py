"""How many requests may be retries while there is anything else to ask for."""

from cryoasync.control.circuit.call_window import CallWindow

WINDOW_SECONDS = 60.0
SHARE = 0.1
LEAST = 3


class RetryBudget:
    """A tenth of the requests of the last minute, and three at least.

    What goes beyond is not forbidden, it only lets everybody else go first: with nothing else to send, a retry
    displaces nobody.
    """

    def __init__(self) -> None:
        """Start with nothing spent."""
        self._requests = CallWindow(WINDOW_SECONDS)
        self.beyond = 0

    def sent(self, now: float, *, retry: bool) -> None:
        """Count one request."""
        self._requests.add(now, failed=retry, slow=False)

    def is_spent(self, now: float) -> bool:
        """Whether a retry now goes beyond the budget; it is counted if so."""
        counts = self._requests.counts(now)
        spent = counts.failures >= max(LEAST, SHARE * counts.calls)
        self.beyond += spent
        return spent
