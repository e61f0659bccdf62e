"""Ports for servers that are told theirs before they start."""

import random
import socket

# Below those that the system gives to whoever asks for any: nobody gets one of these by chance meanwhile.
_RANGE = range(10_000, 32_000)


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on, nor will unless told so."""
    while True:
        port = random.SystemRandom().choice(_RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
