"""Runs: find, list, hold and delete them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from cryoasync.database.connection import Database
from cryoasync.database.runs.hold import (
    DEAD_SESSION_LOOKS,
    DEAD_SESSION_SECONDS,
    RunHold,
    held_error,
    latest_run,
    require_not_held,
)
from cryoasync.database.runs.owner import Owner, Vitality
from cryoasync.database.runs.record import RUN_COLUMNS, Run, run_from, run_key
from cryoasync.database.runs.session_lock import SessionLock, advisory_key
from cryoasync.database.runs.spool import BLOCK_POSITIONS
from cryoasync.errors import UsageError
from cryoasync.models import RunIdentity

_SELECT = f"SELECT {RUN_COLUMNS} FROM cryoasync.runs"  # noqa: S608 - a constant of ours


class RunRepository:
    """The table ``runs``, as one process sees it."""

    def __init__(self, database: Database, owner: Owner) -> None:
        """Use a migrated database; ``owner`` is the process at work."""
        self._database = database
        self._owner = owner

    async def find(self, identity: RunIdentity) -> Run | None:
        """Return the latest run that a command with this identity means."""
        async with self._database.transaction() as connection:
            return await latest_run(connection, run_key(identity))

    async def get(self, id_or_name: str) -> Run:
        """Return the run with an id, or the latest one with a name.

        Raises:
            UsageError: there is none.
        """
        run_id = int(id_or_name) if id_or_name.isdecimal() and len(id_or_name) < 19 else None
        async with self._database.transaction() as connection:
            record = await connection.fetchrow(
                f"{_SELECT} WHERE id = $1 OR name = $2 ORDER BY (id = $1) DESC NULLS LAST, id DESC LIMIT 1",
                run_id,
                id_or_name,
            )
        if record is None:
            raise UsageError(f"There is no run {id_or_name!r}.", hint="See `cryoasync runs list`.")
        return run_from(record)

    async def list_runs(self) -> tuple[Run, ...]:
        """Return all runs, the latest first."""
        async with self._database.transaction() as connection:
            return tuple(map(run_from, await connection.fetch(f"{_SELECT} ORDER BY id DESC")))

    async def delete(self, run: Run) -> None:
        """Delete a run with its entries, failures and requests; compounds stay.

        Raises:
            RunHeldError: it is at work.
        """
        async with self.hold(run.run_key), self._database.transaction() as connection:
            # Block by block, for a statement over ten million rows would outlast the time limit.
            for start in range(0, run.counts.requested, BLOCK_POSITIONS):
                await connection.execute(
                    "DELETE FROM cryoasync.run_inputs WHERE run_id = $1 AND position >= $2 AND position < $3",
                    run.id,
                    start,
                    start + BLOCK_POSITIONS,
                )
            await connection.execute("DELETE FROM cryoasync.runs WHERE id = $1", run.id)

    async def forget_requests(self, before: datetime) -> None:
        """Delete the requests that were sent before a time, of all runs."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM cryoasync.requests WHERE sent_at < $1", before)

    @asynccontextmanager
    async def hold(self, key: str, *, takeover: bool = False) -> AsyncIterator[RunHold]:
        """Hold the runs of a key (see ``run_key``) against other processes.

        Finding, creating and claiming a run belong inside. A dead process is recognised by its session lock,
        on the same host also by its process id, where session locks do not hold by its heartbeat.

        Args:
            key: of the run.
            takeover: hold it even while another process does; claiming the run then ends that one.

        Raises:
            RunHeldError: another process holds it.
            DatabaseError: the database cannot be asked.
        """
        if self._database.transaction_pooler:
            if not takeover:
                require_not_held(await self._latest(key), self._owner, locks_tell=False)
            yield RunHold(self._database, self._owner, None)
            return
        lock = SessionLock(self._database, advisory_key("run", key))
        try:
            await self._acquire(lock, key, takeover=takeover)
            yield RunHold(self._database, self._owner, lock)
        finally:
            await lock.release()

    async def _acquire(self, lock: SessionLock, key: str, *, takeover: bool) -> None:
        free = await lock.try_acquire()
        if takeover:
            return
        if not free:
            await self._outlast_the_dead(lock, key)
        require_not_held(await self._latest(key), self._owner, locks_tell=True)

    async def _outlast_the_dead(self, lock: SessionLock, key: str) -> None:
        """Wait for the session of a process that was killed, perhaps before its run was visible: it soon goes."""
        for _ in range(DEAD_SESSION_LOOKS):
            latest = await self._latest(key)
            if latest and latest.owner and latest.owner.vitality(self._owner) is not Vitality.DEAD:
                raise held_error(latest)
            if await lock.acquire_within(DEAD_SESSION_SECONDS / DEAD_SESSION_LOOKS):
                return
        raise held_error(await self._latest(key))

    async def _latest(self, key: str) -> Run | None:
        async with self._database.transaction() as connection:
            return await latest_run(connection, key)
