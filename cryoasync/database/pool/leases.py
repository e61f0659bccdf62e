"""Who has which connection of a pool, and since when."""

import asyncio
import sys
from dataclasses import dataclass, replace
from types import FrameType

import structlog

from cryoasync.database.pool.member import PooledConnection

_MACHINERY = (
    "cryoasync.database.connection",
    "cryoasync.database.pool.",
    "cryoasync.database.reading",
    "contextlib",
)
"""Modules through which others ask for a connection."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who has had a connection, and since when.

    Attributes:
        holder: the task, and the place in the code where it asked.
        since: by the pool's clock.
        is_lasting: it is meant to be held for long, as a session lock's is.
    """

    holder: str
    since: float
    is_lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody who has a connection now, for how long already, and whether that is too long."""

    name: str
    seconds: float
    is_leak: bool


class Leases:
    """The connections that are lent."""

    def __init__(self, leak_after_seconds: float) -> None:
        """Call it a leak where somebody has a connection for longer than that."""
        self._leak_after_seconds = leak_after_seconds
        self._by_connection: dict[PooledConnection, Lease] = {}
        self._told: set[PooledConnection] = set()

    def begin(self, connection: PooledConnection, lease: Lease, now: float) -> None:
        """Note that a connection is lent from now on."""
        self._by_connection[connection] = replace(lease, since=now)

    def end(self, connection: PooledConnection) -> bool:
        """Note that a connection was given back; tell whether it was lent."""
        self._told.discard(connection)
        return self._by_connection.pop(connection, None) is not None

    def end_all(self) -> list[PooledConnection]:
        """Take every connection back by force, and name in the log who still had a living one."""
        for connection, lease in self._by_connection.items():
            if not connection.is_closed():
                _log.warning("connection never given back", holder=lease.holder)
        taken = list(self._by_connection)
        self._by_connection.clear()
        return taken

    def are_expected_back(self) -> bool:
        """Whether somebody has a living connection that is not meant to be held for long."""
        return any(
            not lease.is_lasting and not connection.is_closed()
            for connection, lease in self._by_connection.items()
        )

    def holders(self, now: float) -> tuple[Holder, ...]:
        """Return who has a connection, the one who has had it longest first."""
        leases = sorted(self._by_connection.values(), key=lambda lease: lease.since)
        return tuple(
            Holder(name=lease.holder, seconds=now - lease.since, is_leak=self._is_leak(lease, now))
            for lease in leases
        )

    def tell_leaks(self, now: float) -> None:
        """Name in the log, once, who has had a connection for too long."""
        for connection, lease in self._by_connection.items():
            if connection not in self._told and self._is_leak(lease, now):
                self._told.add(connection)
                _log.warning(
                    "connection held for long", holder=lease.holder, seconds=round(now - lease.since)
                )

    def _is_leak(self, lease: Lease, now: float) -> bool:
        return not lease.is_lasting and now - lease.since > self._leak_after_seconds


def asking_place() -> str:
    """Name the line of code, outside of the pool's own modules, that asks, and its task."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the traceback module reads every file on the way
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_MACHINERY):
        frame = frame.f_back
    place = "nowhere"
    if frame is not None:
        place = f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}:{frame.f_lineno}"
    task = asyncio.current_task()
    return place if task is None else f"{place} in {task.get_name()}"
