"""A proxy between a client and PostgreSQL that fails in the ways networks do, and exactly at a commit."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""The message by which asyncpg commits."""
COMMITTED = b"COMMIT\x00"
"""What the server's answer to it holds."""


class Cut(Enum):
    """Where a connection ends at a commit."""

    UNSEEN = "before the server has seen it"
    UNANSWERED = "after the server has done it, the answer lost"
    RACING = "right after it was handed on"


class Proxy:
    """Hands bytes on, unless it is told to stall, to cut, or to refuse."""

    def __init__(self, server_port: int) -> None:
        """Stand before a server on the loopback interface."""
        self.port = 0
        self.cuts = 0
        self.next_cut: Callable[[], Cut | None] = lambda: None
        self._server_port = server_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refuses = False
        self._connections: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}

    def stall(self) -> None:
        """Let every byte vanish from sight, with the connections still open: a black hole."""
        self._flowing.clear()

    def flow(self) -> None:
        """Hand on again, also what came meanwhile."""
        self._flowing.set()
        self._refuses = False

    def cut(self) -> None:
        """Cut every connection."""
        for writers in self._connections.values():
            for writer in writers:
                writer.transport.abort()

    def refuse(self) -> None:
        """Cut every connection, and those that come until it flows again."""
        self._refuses = True
        self.cut()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = (to_client,)
        try:
            if self._refuses:
                return
            await self._flowing.wait()
            server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
            self._connections[task] = (to_client, to_server)
            lost = asyncio.Event()
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._up(client, to_server, lost))
                ways.create_task(self._down(server, to_client, lost))
        except* OSError:
            pass
        finally:
            for writer in self._connections.pop(task):
                writer.transport.abort()

    async def _up(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while data := await client.read(65536):
            await self._flowing.wait()
            if data.endswith(COMMIT) and (cut := self.next_cut()) is not None:
                self.cuts += 1
                if cut is Cut.UNSEEN:
                    raise ConnectionAbortedError
                lost.set()
                server.write(data)
                await server.drain()
                if cut is Cut.RACING:
                    raise ConnectionAbortedError
                continue
            server.write(data)
            await server.drain()
        raise ConnectionResetError

    async def _down(
        self, server: asyncio.StreamReader, client: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while data := await server.read(65536):
            await self._flowing.wait()
            if lost.is_set() and COMMITTED in data:
                raise ConnectionAbortedError
            client.write(data)
            await client.drain()
        raise ConnectionResetError

    async def end(self) -> None:
        """Cut everything, and return when nothing of it is left."""
        self._flowing.set()
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)


@asynccontextmanager
async def running_proxy(server_port: int) -> AsyncIterator[Proxy]:
    """Yield a proxy that listens on a port of its own."""
    proxy = Proxy(server_port)
    listener = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.end()
        with suppress(asyncio.CancelledError):
            await listener.wait_closed()
