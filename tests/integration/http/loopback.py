"""A server on loopback that does to its connections what a test says."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, and the connection to answer it on."""

    head: str
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self, body: bytes = b"{}", *, status: str = "200 OK", **headers: str) -> None:
        """Send a whole answer; ``Retry_After`` is the header ``Retry-After``."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "\r\n"])
        await self.send(head.encode() + body)

    async def send(self, raw: bytes) -> None:
        """Send any bytes."""
        self.writer.write(raw)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection as a crashed machine would."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.writer.transport.abort()


Handler = Callable[[Received], Awaitable[None]]


@dataclass(slots=True)
class Loopback:
    """What a server saw: its requests, the connections that were made and those of them that ended."""

    handler: Handler
    url: str = ""
    idle_seconds: float | None = None
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, is_so: Callable[["Loopback"], bool]) -> None:
        """Wait until something is seen."""
        async with self.changed:
            await self.changed.wait_for(lambda: is_so(self))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until it has been idle for too long."""
        self.connections += 1
        self.writers.append(writer)
        await self._tell()
        with suppress(OSError, EOFError, TimeoutError):
            while True:
                async with asyncio.timeout(self.idle_seconds):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                body = await reader.readexactly(_length(head))
                self.requests.append(Received(head=head, body=body, reader=reader, writer=writer))
                await self._tell()
                await self.handler(self.requests[-1])
        writer.close()
        self.closed += 1
        await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


def _length(head: str) -> int:
    lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
    return int(lengths[0].partition(":")[2]) if lengths else 0


@asynccontextmanager
async def loopback(handler: Handler, *, idle_seconds: float | None = None) -> AsyncIterator[Loopback]:
    """Serve on a free port of 127.0.0.1."""
    serving = Loopback(handler, idle_seconds=idle_seconds)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(serving.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    serving.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield serving
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in serving.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in serving.writers), return_exceptions=True)
