"""Runs asynchronous tests on virtual time: an hour of waiting takes a moment."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from cryoasync.testing import VirtualTimeLoop

P = ParamSpec("P")
T = TypeVar("T")


def on_virtual_time(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Give each call an event loop of its own, whose time jumps; a deadlock raises RuntimeError."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(work(*args, **kwargs))

    return run


def now() -> float:
    """Read the virtual clock of the running loop."""
    return asyncio.get_running_loop().time()
