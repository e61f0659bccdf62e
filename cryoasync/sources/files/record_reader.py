"""The items at the positions of a run, read from its files as the workers ask for them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from cryoasync.sources.files.collection import FilesDigest, StructureFiles
from cryoasync.sources.files.models import FileItem, Unreadable

_Result = TypeVar("_Result")


class _ClosedError(Exception):
    """The reader was closed in the middle of a task, whose result nobody waits for any more."""


class RecordReader:
    """Reads the files once from their start, in a thread, as far as it is asked to.

    A position is the place of an item in the stream of all files. Workers ask in the order of the positions; one
    that lies further back (of a chunk that is begun again, of a failure that is tried again) is read towards
    from the start.

    Attributes:
        position: of the item to be read next.
    """

    def __init__(self, files: StructureFiles, digest: FilesDigest) -> None:
        """Read ``files`` as long as they are those of ``digest``."""
        self._files = files
        self._digest = digest
        # One thread alone: a task that nobody waits for any more ends before the next one begins.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="files")
        self._closed = threading.Event()
        self._items = files.items()
        self.position = 0
        self._damaged: Unreadable | None = None

    async def __aenter__(self) -> Self:
        """Open nothing yet."""
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give up what is being read."""
        self._closed.set()
        self._thread.shutdown(cancel_futures=True)

    async def take(self, positions: Sequence[int]) -> list[FileItem]:
        """Return the items at ``positions``, which ascend and lie before the end.

        Raises:
            InputError: the files were written to since they were digested.
        """
        return await self._in_thread(lambda: self._take(positions))

    async def damage(self) -> Unreadable | None:
        """Return the first item that stands for the lost rest of a file, read on to the end for it.

        Raises:
            InputError: the files were written to since they were digested.
        """
        return await self._in_thread(self._damage)

    async def _in_thread(self, task: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, task)

    def _take(self, positions: Sequence[int]) -> list[FileItem]:
        if positions and positions[0] < self.position:
            self._items, self.position = self._files.items(), 0
        taken = []
        for position in positions:
            item = self._next()
            while self.position <= position:
                item = self._next()
            taken.append(item)
        # Looked at last, so that it speaks for all that was read before.
        self._digest.require_unchanged()
        return [item for item in taken if item is not None]

    def _damage(self) -> Unreadable | None:
        while self._damaged is None and self._next() is not None:
            pass
        self._digest.require_unchanged()
        return self._damaged

    def _next(self) -> FileItem | None:
        """Return the next item; ``None`` at the end."""
        if self._closed.is_set():
            raise _ClosedError
        item = next(self._items, None)
        self.position += 1
        if isinstance(item, Unreadable) and item.ends_file:
            self._damaged = self._damaged or item
        return item
