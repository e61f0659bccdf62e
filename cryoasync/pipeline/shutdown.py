"""How a run is asked to stop: the first signal drains, the second cancels."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

import structlog

from cryoasync.errors import CryoasyncError, StoppedError

_log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that end a command: Ctrl-C, a supervisor, and a terminal that is closed."""

SignalHandler = Callable[[int, FrameType | None], Any] | int | None
"""As :func:`signal.getsignal` returns it; ``None`` was not set by Python, which cannot set it again."""


class StopRequest:
    """Set once, with the reason: a signal, or an error that no more work can mend."""

    def __init__(self) -> None:
        """Nothing is asked for yet."""
        self._event = asyncio.Event()
        self.signal: signal.Signals | None = None
        self.error: CryoasyncError | None = None
        self.has_work = False
        """Whether there is something to drain; before that, a signal ends everything at once."""

    @property
    def is_set(self) -> bool:
        """Whether to take no more work."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when the stop is asked for."""
        await self._event.wait()

    def by_signal(self, number: signal.Signals) -> None:
        """Ask for a stop because of a signal; the first reason is kept."""
        if not self.is_set:
            self.signal = number
        self._event.set()

    def by_error(self, error: CryoasyncError) -> None:
        """Ask for a stop because of an error; the first reason is kept."""
        if not self.is_set:
            self.error = error
        self._event.set()


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let any of the signals end what is inside, even where it blocks the event loop.

    Waiting for standard input does: handlers of the loop would come to their turn only after the wait.

    Raises:
        StoppedError: a signal came.
    """

    def end(number: int, _: FrameType | None) -> None:
        raise StoppedError(number)

    before = {number: signal.signal(number, end) for number in _heeded()}
    try:
        yield
    finally:
        _put_back(before)


@asynccontextmanager
async def stopping_by_signals(stop: StopRequest) -> AsyncIterator[None]:
    """Turn a signal into ``stop``, a second one into cancelling the task inside.

    Handlers go through the event loop, so that they run between two steps of the run, and are put back.

    Raises:
        StoppedError: a signal came before there was work to drain.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None, "inside a task"

    def handle(number: signal.Signals) -> None:
        if stop.is_set or not stop.has_work:
            task.cancel()
        else:
            _log.warning(
                "stopping: finishing what is in hand; a second signal stops at once", signal=number.name
            )
        stop.by_signal(number)

    before = {number: signal.getsignal(number) for number in _heeded()}
    for number in before:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    except asyncio.CancelledError:
        if stop.has_work or stop.signal is None:
            raise
        task.uncancel()
        raise StoppedError(stop.signal) from None
    finally:
        for number in before:
            loop.remove_signal_handler(number)
        _put_back(before)


def _heeded() -> tuple[signal.Signals, ...]:
    """Return the signals that this process was not started to ignore, as nohup has it ignore SIGHUP."""
    return tuple(number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)


def _put_back(handlers: Mapping[signal.Signals, SignalHandler]) -> None:
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)
