"""How long something has been out of reach, against the patience set."""


class Outage:
    """Measures the time from the first failure after the last success."""

    def __init__(self, patience_seconds: float) -> None:
        """Start in reach."""
        self._patience_seconds = patience_seconds
        self._since: float | None = None

    def succeeded(self) -> None:
        """End the outage, if there was one."""
        self._since = None

    def failed(self, now: float) -> None:
        """Note a failure; the first one begins an outage."""
        if self._since is None:
            self._since = now

    def lasted_seconds(self, now: float) -> float:
        """Return for how long the outage has lasted, 0 in reach."""
        return 0.0 if self._since is None else now - self._since

    def is_beyond_patience(self, now: float) -> bool:
        """Whether it is time to pause the run."""
        return self._since is not None and now - self._since > self._patience_seconds
