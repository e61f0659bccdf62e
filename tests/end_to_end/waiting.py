"""Waiting for what another process does."""

import time
from collections.abc import Callable

_PERIOD_SECONDS = 0.05


def wait_for(happened: Callable[[], object], seconds: float = 30.0) -> None:
    """Return as soon as ``happened`` says so; fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(_PERIOD_SECONDS)
