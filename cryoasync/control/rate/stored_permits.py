"""The form in which a permit log is kept in a store: integers in MessagePack, the times on the store's clock."""

from typing import Annotated

import msgspec

_Moment = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
_Duration = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class PermitEntry(msgspec.Struct, array_like=True, frozen=True):
    """One permit: when it may be used, and the running time reserved for it or settled, in nanoseconds."""

    number: int
    slot: _Moment
    running: _Duration


class StoredPermits(msgspec.Struct, array_like=True, frozen=True):
    """All permits that count, and until when nothing goes out."""

    hold_until: _Moment
    entries: list[PermitEntry]

    def dump(self) -> bytes:
        """Return it for a store."""
        return msgspec.msgpack.encode(self)


def read_permits(stored: bytes) -> StoredPermits:
    """Return what a store kept.

    Raises:
        ValueError: ``stored`` is no log.
    """
    try:
        return msgspec.msgpack.decode(stored, type=StoredPermits)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a permit log: {error}") from error
