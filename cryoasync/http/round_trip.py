"""How long the way to the source and back takes, as the kernel measures it on every TCP connection."""

import socket
import struct
from weakref import WeakSet

from aiohttp.connector import AddrInfoType

# Of struct tcp_info in linux/tcp.h: the smallest round trip of the last minutes, in microseconds.
_MINIMUM_AT = 148
_SIZE = 152


class RoundTripTime:
    """Makes the sockets of a session, and asks them.

    The source counts the running time of a request without the way; what is measured here is with it.
    """

    def __init__(self) -> None:
        """Know no connection yet."""
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def make_socket(self, address: AddrInfoType) -> socket.socket:
        """Return a socket as aiohttp makes one."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        self._sockets.add(made)
        return made

    def seconds(self) -> float:
        """Return the shortest round trip of the open connections; 0 where none is known."""
        return min((known for each in self._sockets if (known := _minimum(each)) > 0), default=0.0)


def _minimum(connected: socket.socket) -> float:
    try:
        info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        # Closed meanwhile, or no TCP.
        return 0.0
    if len(info) < _SIZE:
        return 0.0
    (microseconds,) = struct.unpack_from("=I", info, _MINIMUM_AT)
    return 0.0 if microseconds == 0xFFFFFFFF else float(microseconds) / 1e6
