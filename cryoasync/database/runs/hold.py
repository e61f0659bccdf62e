"""One process per run: a session lock while it lives, an epoch that refuses what a zombie commits."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from cryoasync.database.connection import Connection, Database
from cryoasync.database.pool.queue import Priority
from cryoasync.database.runs.orders import orders_from
from cryoasync.database.runs.owner import Owner, Vitality
from cryoasync.database.runs.record import RUN_COLUMNS, Run, owner_to_json, run_from, run_key
from cryoasync.database.runs.session_lock import SessionLock, advisory_key
from cryoasync.database.runs.spool import Spool, create_run
from cryoasync.errors import RunFencedError, RunHeldError
from cryoasync.models import RunIdentity, RunOrders, RunStatus

HEARTBEAT_LIMIT_SECONDS = 30.0
"""A process that has shown itself within this time counts as alive."""

DEAD_SESSION_SECONDS = 10.0
"""How long the session of a process that was killed may take to go."""

DEAD_SESSION_LOOKS = 20
"""How often it is looked meanwhile whether the process lives: its run becomes visible once its input is spooled."""

_TAKEOVER_HINT = "Wait for it or stop it; if it is gone for good, give --takeover."


def require_not_held(latest: Run | None, here: Owner, *, locks_tell: bool) -> None:
    """Refuse a run whose owner is at work.

    Args:
        latest: the latest run of the key.
        here: this process.
        locks_tell: the run's session lock was free, so that an owner elsewhere must be gone.

    Raises:
        RunHeldError: it names host, process id and since when.
    """
    if latest is None or latest.owner is None or latest.heartbeat_age_seconds is None:
        return
    recently_seen = latest.heartbeat_age_seconds < HEARTBEAT_LIMIT_SECONDS
    vitality = latest.owner.vitality(here)
    gone = vitality is Vitality.DEAD or (
        locks_tell and (vitality is Vitality.ELSEWHERE or latest.owner == here)
    )
    if recently_seen and not gone:
        raise held_error(latest)


def held_error(latest: Run | None) -> RunHeldError:
    """Say who holds the run, as far as that is known."""
    if latest is None or latest.owner is None:
        return RunHeldError("Another process is starting the same run.", hint=_TAKEOVER_HINT)
    return RunHeldError(
        f"Run {latest.id} is held by process {latest.owner.pid} on {latest.owner.host}"
        f" since {latest.started_at:%Y-%m-%d %H:%M:%S} UTC.",
        hint=_TAKEOVER_HINT,
    )


def fenced_error(run: Run) -> RunFencedError:
    """Say that a run goes on elsewhere."""
    return RunFencedError(
        f"Run {run.id} was taken over by another process.", hint="See `cryoasync status`; nothing is lost."
    )


async def latest_run(connection: Connection, key: str) -> Run | None:
    """Read the latest run of a key."""
    record = await connection.fetchrow(
        f"SELECT {RUN_COLUMNS} FROM cryoasync.runs"  # noqa: S608 - a constant of ours
        " WHERE run_key = $1 ORDER BY id DESC LIMIT 1",
        key,
    )
    return None if record is None else run_from(record)


async def _lock_creation(connection: Connection, key: str) -> bool:
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{DEAD_SESSION_SECONDS:.3f}s'")
            lock = advisory_key("creation of run", key)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
            await connection.execute("SET LOCAL lock_timeout = 0")
    except asyncpg.LockNotAvailableError:
        return False
    return True


class RunHold:
    """The right to create and to start one run; see ``RunRepository.hold``."""

    def __init__(self, database: Database, owner: Owner, lock: SessionLock | None) -> None:
        """Take the lock that was got, or is still to be got after a takeover."""
        self.database = database
        self._owner = owner
        self._lock = lock
        self._claimed: Run | None = None

    async def create(self, identity: RunIdentity, spool: Spool) -> Run:
        """Create a run and spool its input in one transaction.

        Raises:
            RunHeldError: another process creates the same run, or has just done so.
            DatabaseError: there is no trace of the run.
        """
        key = run_key(identity)
        async with self.database.transaction() as connection:
            # Where session locks do not hold, this is all that keeps two equal commands apart.
            if not await _lock_creation(connection, key):
                raise held_error(None)
            if self._lock is None:
                require_not_held(await latest_run(connection, key), self._owner, locks_tell=False)
            return await create_run(connection, identity, spool, self._owner)

    async def claim(self, run: Run) -> Run:
        """Start a run: raise its epoch, which ends every earlier start, and return it as it is now.

        Raises:
            RunHeldError: another process has started it since ``run`` was read.
            DatabaseError: nothing is changed.
        """
        async with self.database.transaction() as connection:
            record = await connection.fetchrow(
                f"""
                UPDATE cryoasync.runs
                SET epoch = epoch + 1, status = 'running', owner = $3, heartbeat_at = clock_timestamp(),
                    started_at = now(), finished_at = NULL, orders = NULL
                WHERE id = $1 AND epoch = $2
                RETURNING {RUN_COLUMNS}
                """,  # noqa: S608 - a constant of ours
                run.id,
                run.epoch,
                owner_to_json(self._owner),
            )
        if record is None:
            raise RunHeldError(f"Run {run.id} was started by another process.", hint=_TAKEOVER_HINT)
        self._claimed = run_from(record)
        return self._claimed

    async def heartbeat(self, live: Mapping[str, Any] | None = None) -> RunOrders:
        """Show that the claimed run is at work, get back a session lock that was lost, and return the run's orders.

        Raises:
            RunFencedError: another process has taken the run over.
            DatabaseError: try again; the epoch keeps the run safe meanwhile.
        """
        if self._lock is not None:
            await self._lock.try_acquire()
        return orders_from(
            await self._update("heartbeat_at = clock_timestamp(), live = coalesce($3, live)", live)
        )

    async def finish(self, status: RunStatus) -> None:
        """Leave the claimed run with a status; nobody owns it any more.

        Raises:
            RunFencedError: another process has taken the run over.
            DatabaseError: try again.
        """
        await self._update(
            "status = $3, owner = NULL, finished_at = CASE WHEN $3 = 'finished' THEN now() END", status
        )

    async def _update(self, assignments: str, value: Any) -> Any:
        """Change the claimed run, and return its orders."""
        run = self._claimed
        assert run is not None, "claim comes first"
        async with self.database.transaction(Priority.STATUS) as connection:
            record = await connection.fetchrow(
                f"UPDATE cryoasync.runs SET {assignments} WHERE id = $1 AND epoch = $2"  # noqa: S608 - ours
                " RETURNING orders",
                run.id,
                run.epoch,
                value,
            )
        if record is None:
            raise fenced_error(run)
        return record["orders"]
