"""Asking a pool for a connection, in either of two ways."""

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any

from cryoasync.database.pool.member import PooledConnection


class Acquisition:
    """A connection that is asked for: awaited, or borrowed by an ``async with`` block that gives it back."""

    def __init__(
        self,
        lend: Callable[[], Coroutine[Any, Any, PooledConnection]],
        take_back: Callable[..., Coroutine[Any, Any, None]],
        *,
        keeps_session: bool,
    ) -> None:
        """Ask for nothing yet; a block that ends with an error may have left anything in the session."""
        self._keeps_session = keeps_session
        self._lend = lend
        self._take_back = take_back
        self._connection: PooledConnection | None = None

    def __await__(self) -> Generator[Any, None, PooledConnection]:
        """Wait for the connection, which is to be given back by ``release_connection``."""
        return self._lend().__await__()

    async def __aenter__(self) -> PooledConnection:
        """Wait for the connection."""
        self._connection = await self
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back."""
        assert self._connection is not None
        await self._take_back(self._connection, keeps_session=self._keeps_session and error is None)
