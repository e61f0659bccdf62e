"""Connections that are lost at one chosen moment: before a statement reaches the server, or after it was done."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import asyncpg
import pytest

from cryoasync.database.pool.member import PooledConnection

WAITED_FOR = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table")
"""All that the flush path waits for the server in; a transaction begins and ends by ``execute``."""


class Loss(StrEnum):
    """When the connection is lost."""

    BEFORE = "before it is sent"
    AFTER = "with the answer"


class Failpoint:
    """Loses the connection at the ``number``-th call from now, once."""

    def __init__(self, number: int, loss: Loss) -> None:
        """Count from 0."""
        self.left = number
        self.loss = loss
        self.has_struck = False

    async def pass_by(self, connection: PooledConnection, call: Callable[[], Awaitable[Any]]) -> Any:
        """Do the call, or lose the connection around it."""
        strikes = self.left == 0
        self.left -= 1
        if not strikes:
            return await call()
        self.has_struck = True
        if self.loss is Loss.AFTER:
            await call()
        connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


@contextmanager
def failing_at(number: int, loss: Loss) -> Iterator[Failpoint]:
    """Let one call of any connection fail inside the block."""
    point = Failpoint(number, loss)
    with pytest.MonkeyPatch.context() as patch:
        for name in WAITED_FOR:
            patch.setattr(asyncpg.Connection, name, _watched(getattr(asyncpg.Connection, name), point))
        yield point


def _watched(method: Callable[..., Awaitable[Any]], point: Failpoint) -> Callable[..., Awaitable[Any]]:
    async def watched(connection: PooledConnection, *arguments: Any, **options: Any) -> Any:
        return await point.pass_by(connection, lambda: method(connection, *arguments, **options))

    return watched
