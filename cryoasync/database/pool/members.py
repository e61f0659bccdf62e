"""The connections of a pool: opened and closed in the background, and at rest in between."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from cryoasync.database.pool.member import Connect, Member, OpeningBackoff, PooledConnection, PoolLimits
from cryoasync.database.pool.sizer import PoolSizer
from cryoasync.database.pool.statistics import Closing, PoolHistory


class Members:
    """Knows every connection there is; it is at rest, or somebody has it."""

    def __init__(
        self,
        connect: Connect,
        limits: PoolLimits,
        sizer: PoolSizer,
        history: PoolHistory,
        rng: random.Random,
    ) -> None:
        """Open connections by ``connect``; ``sizer`` learns how long that takes."""
        self.backoff = OpeningBackoff(limits, rng)
        self._connect = connect
        self._limits = limits
        self._sizer = sizer
        self._history = history
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._all: dict[PooledConnection, Member] = {}
        # The one that rested longest stands first; the last one serves next, so that the others may be closed.
        self._resting: list[Member] = []
        self._opening: set[asyncio.Task[PooledConnection]] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._suspect_since = -1.0
        self._is_closed = False

    @property
    def at_rest(self) -> int:
        """How many rest."""
        return len(self._resting)

    @property
    def in_use(self) -> int:
        """How many somebody has, or is about to get."""
        return len(self._all) - len(self._resting)

    @property
    def opening(self) -> int:
        """How many are about to be opened."""
        return len(self._opening)

    @property
    def are_coming(self) -> bool:
        """Whether one is about to be there without anybody's doing."""
        return bool(self._resting or self._opening or self._chores)

    def of(self, connection: PooledConnection) -> Member:
        """Return the member that has a connection."""
        return self._all[connection]

    async def open_first(self) -> None:
        """Open one connection and wait for it; the error is that of the attempt."""
        began_at = self._loop.time()
        self._join(await self._connect(), began_at)

    def begin_opening(self, ended: Callable[[Exception | None], None]) -> None:
        """Open one more in the background, and call ``ended`` when it rests or when the attempt has failed."""
        began_at = self._loop.time()

        def done(task: "asyncio.Task[PooledConnection]") -> None:
            self._opening.discard(task)
            if task.cancelled():
                return
            error = task.exception()
            if error is None and self._is_closed:
                task.result().terminate()
            elif error is None:
                self.backoff.succeeded()
                self._join(task.result(), began_at)
            elif isinstance(error, Exception):
                self._history.failed_openings += 1
                self.backoff.failed(began_at, self._loop.time())
            else:
                raise error
            ended(error)

        task = asyncio.create_task(self._connect(), name="pool-opening")
        self._opening.add(task)
        task.add_done_callback(done)

    def take(self) -> Member | None:
        """Take the one that rested last, so that the others may be closed; ``None`` where none rests."""
        while self._resting:
            member = self._resting.pop()
            if not member.is_lost:
                return member
            self._forget(member, Closing.LOST)
        return None

    async def is_fit(self, member: Member) -> bool:
        """Ask one that rested for long, or since another was lost, whether it still answers; else drop it."""
        trusted_until = member.idle_since + self._limits.check_after_seconds
        if member.idle_since > self._suspect_since and self._loop.time() <= trusted_until:
            return True
        is_fit = False
        try:
            is_fit = await member.answers(self._limits.check_seconds)
        finally:
            if not is_fit:
                member.connection.terminate()
                self._forget(member, Closing.UNFIT)
        return is_fit

    def put_back(self, member: Member) -> None:
        """Let one rest that somebody had, unless it is lost or old."""
        now = self._loop.time()
        if member.is_lost:
            # Whatever ended it may have ended those that rest, or left them hanging.
            self._suspect_since = now
            self._forget(member, Closing.LOST)
        elif now >= member.retire_at:
            self.retire(member, Closing.AGE)
        else:
            member.idle_since = now
            self._resting.append(member)

    async def clean(self, member: Member, then: Callable[[Member], None]) -> None:
        """Undo what was done in a session or drop the connection, ``then`` go on, even if the caller is cancelled."""

        async def reset() -> None:
            if not await member.forgets_session():
                member.connection.terminate()
            then(member)

        await asyncio.shield(self._do(reset(), "pool-reset"))

    def close_surplus(self, number: int) -> None:
        """Close those that rested longest."""
        surplus, self._resting = self._resting[:number], self._resting[number:]
        for member in surplus:
            self.retire(member, Closing.SURPLUS)

    def expire(self) -> None:
        """Let none of those that there are serve again."""
        for member in self._all.values():
            member.retire_at = self._loop.time()
        self.close_old()

    def close_old(self) -> None:
        """Close those at rest that have reached their age, and forget those that were lost."""
        now = self._loop.time()
        resting, self._resting = self._resting, []
        for member in resting:
            if member.is_lost:
                self._forget(member, Closing.LOST)
            elif now >= member.retire_at:
                self.retire(member, Closing.AGE)
            else:
                self._resting.append(member)

    def retire(self, member: Member, reason: Closing) -> None:
        """Close one that neither rests nor serves, in the background."""
        self._forget(member, reason)
        self._do(member.close(), "pool-closing")

    async def close(self) -> None:
        """Close all, whoever has them."""
        self._is_closed = True
        for task in self._opening:
            task.cancel()
        for member in list(self._all.values()):
            if member in self._resting:
                self.retire(member, Closing.END)
            else:
                member.connection.terminate()
                self._forget(member, Closing.END)
        self._resting.clear()
        await asyncio.gather(*self._opening, *self._chores, return_exceptions=True)

    def _join(self, connection: PooledConnection, began_at: float) -> None:
        now = self._loop.time()
        self._sizer.opened(now - began_at)
        self._history.opened += 1
        member = Member.joining(connection, self._limits, now, self._rng)
        self._all[connection] = member
        self._resting.append(member)

    def _forget(self, member: Member, reason: Closing) -> None:
        if self._all.pop(member.connection, None) is not None:
            self._history.closed[reason] += 1

    def _do(self, chore: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(chore, name=name)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        return task
