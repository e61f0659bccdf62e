"""An answer before it is sent, and the ways of not sending one."""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

HTML = "text/html"
KEPT_IN_TRUNCATED = 0.6
HANGS_SECONDS = 3600.0

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it is sent."""

    body: bytes
    status: int = 200
    reason: str | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def cut_off(self) -> "Reply":
        """Return the answer without its end."""
        return Reply(
            body=self.body[: int(len(self.body) * KEPT_IN_TRUNCATED)],
            status=self.status,
            content_type=self.content_type,
        )


def reset_connection(request: web.Request) -> web.Response:
    """Close the connection so that the client sees it reset, not ended; the response goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return web.Response(status=500)
