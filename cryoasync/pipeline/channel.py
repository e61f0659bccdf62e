"""A bounded queue that ends: the producer closes it, the consumers drain it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class EndOfChannel(Exception):  # noqa: N818 - a state, as StopAsyncIteration is
    """The channel is closed and everything sent was received."""


class Channel(Generic[T]):
    """Sending waits while ``capacity`` items are not received yet; that is all the backpressure there is."""

    def __init__(self, capacity: int) -> None:
        """Start open and empty."""
        self._queue: asyncio.Queue[T] = asyncio.Queue(capacity)
        self._readable = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """Return how many items wait to be received."""
        return self._queue.qsize()

    async def send(self, item: T) -> None:
        """Add ``item``, when there is room."""
        await self._queue.put(item)
        self._readable.set()

    async def receive(self) -> T:
        """Take the next item.

        Cancelling the wait loses nothing: an item is taken only once the wait is over, without another await.

        Raises:
            EndOfChannel: none will come.
        """
        while self._queue.empty():
            if self._closed:
                raise EndOfChannel
            self._readable.clear()
            await self._readable.wait()
        return self._queue.get_nowait()

    def close(self) -> None:
        """Let the consumers end once they have received what was sent."""
        self._closed = True
        self._readable.set()

    def discard(self) -> None:
        """Drop what was not received, so that a waiting sender goes on."""
        while not self._queue.empty():
            self._queue.get_nowait()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Receive until the end."""
        while True:
            try:
                item = await self.receive()
            except EndOfChannel:
                return
            yield item
