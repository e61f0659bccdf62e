"""Waiting for what other processes and threads do."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from cryoasync.database.embedded.folder import translated
from cryoasync.errors import DatabaseUnavailableError

_LOOK_EVERY_SECONDS = 0.02

Result = TypeVar("Result")


async def wait_until(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Look until ``condition`` holds, for files and foreign processes send no word; say whether it did in time."""
    try:
        async with asyncio.timeout(timeout_seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
    except TimeoutError:
        return condition()
    return True


async def in_thread(work: Callable[[], Result], *, hasten: Callable[[], None] = lambda: None) -> Result:
    """Do ``work`` in a thread and give its result; nothing of it goes on behind a caller that was cancelled.

    The caller waits for its end all the same, having called ``hasten``; only a second cancellation leaves it alone.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        hasten()
        await asyncio.wait((running,))
        raise


@asynccontextmanager
async def locked(path: Path, *, timeout_seconds: float) -> AsyncIterator[int]:
    """Hold the lock file ``path`` against all other processes, and give its descriptor.

    The lock goes with the process, however it ends. A lock file that was removed in the meantime counts for
    nothing: the new one is taken.

    Raises:
        DatabaseUnavailableError: Another process has held the lock for ``timeout_seconds``.
    """
    descriptors: list[int] = []
    try:
        if not await wait_until(lambda: _try_lock(path, descriptors), timeout_seconds=timeout_seconds):
            raise DatabaseUnavailableError(
                f"Another process has been starting or stopping the database in {path.parent} for "
                f"{timeout_seconds:.0f} s.",
                hint="Wait for it to finish, or end it, and try again.",
            )
        yield descriptors[0]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def try_lock(path: Path) -> list[int]:
    """Take the lock file ``path`` if it is free: its descriptor in a list, empty where it is held."""
    descriptors: list[int] = []
    _try_lock(path, descriptors)
    return descriptors


def _try_lock(path: Path, descriptors: list[int]) -> bool:
    """Take the lock now or not at all; the folder may be removed and made anew by others at any moment."""
    with translated(path.parent), suppress(FileNotFoundError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _is_ours(descriptor, path):
            descriptors.append(descriptor)
            return True
        os.close(descriptor)
    return False


def _is_ours(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
