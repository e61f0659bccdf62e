"""A pool of PostgreSQL connections that is as large as its load wants, and knows who has what.

The pool of asyncpg keeps the size it was given, serves in the order of asking, and may insist on opening a
connection while others rest. This one decides about each connection.
"""

import asyncio
import random
from functools import partial
from types import TracebackType
from typing import Any, Self

import asyncpg

from cryoasync.database.pool.acquisition import Acquisition
from cryoasync.database.pool.leases import Lease, Leases, asking_place
from cryoasync.database.pool.member import Connect, Member, PooledConnection, PoolLimits
from cryoasync.database.pool.members import Members
from cryoasync.database.pool.queue import Priority, WaitingLine
from cryoasync.database.pool.sizer import PoolLoad, PoolSizer
from cryoasync.database.pool.statistics import PoolHistory, PoolStatistics

UPKEEP_SECONDS = 1.0
"""How often the connections at rest are looked at."""

_CLOSED = "the pool is closed"


class AcquireTimeoutError(TimeoutError):
    """No connection became free in time."""


class IntelligentConnectionPool:
    """Lends connections, each to one at a time; an async context manager.

    It grows once waiting has cost what opening a connection costs, and shrinks when it was larger than needed for a
    while. Waiting is bounded, and ordered by priority. While no connection can be opened the attempts are spaced out;
    who waits and has no other hope is told the error.
    """

    def __init__(
        self, connect: Connect, limits: PoolLimits | None = None, *, rng: random.Random | None = None
    ) -> None:
        """Open connections by ``connect``, which must end in bounded time; ``rng`` draws all jitter."""
        self.limits = limits or PoolLimits()
        self._loop = asyncio.get_running_loop()
        self._sizer = PoolSizer(
            self.limits.minimum, self.limits.maximum, quiet_seconds=self.limits.idle_seconds
        )
        self._history = PoolHistory()
        self._members = Members(connect, self.limits, self._sizer, self._history, rng or random.Random())
        self._leases = Leases(self.limits.leak_after_seconds)
        self._line: WaitingLine[Member] = WaitingLine()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_open = False

    async def __aenter__(self) -> Self:
        """Open the first connection; the error is that of the attempt."""
        await self._members.open_first()
        self._is_open = True
        self._keep_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool."""
        await self.close()

    def get_connection(
        self,
        priority: Priority = Priority.WORK,
        *,
        timeout: float | None = None,
        is_lasting: bool = False,
        keeps_session: bool = False,
    ) -> Acquisition:
        """Return what gives a connection when awaited, or for the length of an ``async with`` block.

        Args:
            priority: who goes first where several wait.
            timeout: the longest wait in seconds; by default that of the limits.
            is_lasting: it will be held for long on purpose, and is no leak.
            keeps_session: the block leaves nothing in the session (settings, locks, cursors), so that undoing it
                can be saved.

        Raises:
            AcquireTimeoutError: no connection became free in time.
            asyncpg.InterfaceError: the pool is closed.
            Exception: what opening a connection ended with, where nobody can give one back.
        """
        lease = Lease(holder=asking_place(), since=self._loop.time(), is_lasting=is_lasting)
        seconds = self.limits.acquire_seconds if timeout is None else timeout
        return Acquisition(
            partial(self._lend, lease, priority, seconds),
            self.release_connection,
            keeps_session=keeps_session,
        )

    async def release_connection(self, connection: PooledConnection, *, keeps_session: bool = False) -> None:
        """Take a connection back, and undo what was set in its session unless there is nothing to undo.

        A pool that is closed has taken it back already.

        Raises:
            asyncpg.InterfaceError: it was not lent, or is given back already.
        """
        if not self._is_open:
            return
        if not self._leases.end(connection):
            raise asyncpg.InterfaceError("this pool has not lent the connection, or has it back already")
        member = self._members.of(connection)
        if member.is_lost or (keeps_session and not connection.is_in_transaction()):
            self._put_back(member)
        else:
            await self._members.clean(member, self._put_back)

    def adjust_pool_size(self) -> int:
        """Open or close connections as the load wants it now, and return how many there will be.

        The pool does so itself whenever something happens.
        """
        if not self._is_open:
            return 0
        now, load = self._loop.time(), self._load()
        backoff = self._members.backoff
        for _ in range(backoff.allowed(self._sizer.openings(load, now), load.opening, now)):
            self._members.begin_opening(self._opening_ended)
        self._members.close_surplus(self._sizer.surplus(load, now))
        look_at = backoff.retry_at if now < backoff.retry_at else self._sizer.next_look(now)
        self._set_timer("look", look_at, self.adjust_pool_size)
        return self._load().size

    def expire_connections(self) -> None:
        """Replace every connection before it serves again."""
        self._members.expire()
        self._serve()

    def server_bears(self, connections: int) -> None:
        """Keep below what the server can give at all."""
        self._sizer.server_bears(connections)

    def get_stats(self) -> PoolStatistics:
        """Return how the pool stands."""
        now, load = self._loop.time(), self._load()
        return PoolStatistics(
            minimum=self._sizer.minimum,
            maximum=self._sizer.maximum,
            idle=load.idle,
            in_use=load.in_use,
            opening=load.opening,
            waiting=len(load.waiting_since),
            oldest_wait_seconds=now - load.waiting_since[0] if load.waiting_since else 0.0,
            history=self._history,
            holders=self._leases.holders(now),
        )

    async def close(self) -> None:
        """Close every connection; those that are still lent too, and who has them is named in the log."""
        self._is_open = False
        for timer in self._timers.values():
            timer.cancel()
        self._line.refuse_all(asyncpg.InterfaceError(_CLOSED))
        self._leases.end_all()
        await self._members.close()

    async def _lend(self, lease: Lease, priority: Priority, seconds: float) -> PooledConnection:
        """Wait for a connection that is fit to serve; see :meth:`get_connection`."""
        try:
            async with asyncio.timeout(seconds) as limit:
                member = await self._next(priority, lease.since)
                while not await self._members.is_fit(member):
                    member = await self._next(priority, lease.since)
        except TimeoutError:
            if not limit.expired():
                raise
            self._history.timeouts += 1
            raise AcquireTimeoutError(f"no connection became free within {seconds:g} s") from None
        if not self._is_open:
            raise asyncpg.InterfaceError(_CLOSED)
        now = self._loop.time()
        self._history.served(now - lease.since)
        self._leases.begin(member.connection, lease, now)
        return member.connection

    async def _next(self, priority: Priority, asked_at: float) -> Member:
        if not self._is_open:
            raise asyncpg.InterfaceError(_CLOSED)
        future = self._line.join(priority, asked_at)
        self._serve()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._put_back(future.result())
            raise

    def _put_back(self, member: Member) -> None:
        if self._is_open:
            self._members.put_back(member)
            self._serve()

    def _serve(self) -> None:
        """Give what rests to those who wait, then see whether the size is right."""
        while self._line and (member := self._members.take()) is not None:
            self._line.serve(member)
        self.adjust_pool_size()

    def _opening_ended(self, error: Exception | None) -> None:
        if error is not None and not (self._members.are_coming or self._leases.are_expected_back()):
            self._line.refuse_all(error)
        self._serve()

    def _keep_up(self) -> None:
        self._members.close_old()
        self._leases.tell_leaks(self._loop.time())
        self._serve()
        self._set_timer("upkeep", self._loop.time() + UPKEEP_SECONDS, self._keep_up)

    def _set_timer(self, name: str, at: float | None, action: Any) -> None:
        if name in self._timers:
            self._timers.pop(name).cancel()
        if at is not None:
            self._timers[name] = self._loop.call_at(at, action)

    def _load(self) -> PoolLoad:
        return PoolLoad(
            in_use=self._members.in_use,
            idle=self._members.at_rest,
            opening=self._members.opening,
            waiting_since=self._line.waiting_since(),
        )
