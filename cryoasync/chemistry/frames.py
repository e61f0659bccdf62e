"""What the service and a worker process say to each other: frames of a length and a message in MessagePack.

The worker speaks first, with ``Ready`` or ``Unusable``. From then on each list of structures is answered by a
list of outcomes of the same length and order.
"""

import struct

import msgspec

from cryoasync.chemistry.models import Descriptors, Rejected, Structure

HEADER = struct.Struct("!I")


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """RDKit is loaded."""


class Unusable(msgspec.Struct, frozen=True, kw_only=True, tag="unusable"):
    """RDKit cannot be loaded, and why."""

    reason: str


greeting_decoder = msgspec.msgpack.Decoder(Ready | Unusable)
structures_decoder = msgspec.msgpack.Decoder(list[Structure])
outcomes_decoder = msgspec.msgpack.Decoder(list[Descriptors | Rejected])


def frame(message: Ready | Unusable | list[Structure] | list[Descriptors | Rejected]) -> bytes:
    """Encode a message with its length in front."""
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(len(body)) + body
