"""What others suffer from our writing, as the server sees it from inside our transaction."""

from dataclasses import dataclass
from datetime import timedelta

from cryoasync.database.connection import Connection

# What other users' sessions wait for is not shown to everybody; that they wait for our locks is.
_LOOK = """
SELECT (
           SELECT count(*)
           FROM (SELECT pid FROM pg_locks WHERE NOT granted AND waitstart < clock_timestamp() - $1::interval) AS waits
           WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))
       ) AS for_our_locks,
       (
           SELECT count(*)
           FROM pg_stat_activity
           WHERE pid <> pg_backend_pid() AND upper(wait_event) IN ('WALWRITE', 'WALSYNC', 'SYNCREP')
       ) AS for_the_log
"""
_PRESSED = 2
_LONG_WAIT = timedelta(seconds=0.1)
"""Shorter waits are what locks are for: the heartbeat of a run waits for each of its commits."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many sessions have long waited for locks of ours, and how many wait for the log to be written."""

    for_our_locks: int
    for_the_log: int

    @property
    def is_pressed(self) -> bool:
        """Whether the log is what the server waits for; one session alone may be about to commit."""
        return self.for_the_log >= _PRESSED


async def look_at(connection: Connection) -> Waiting:
    """Return who waits now, best right before a commit, when every lock is held."""
    record = await connection.fetchrow(_LOOK, _LONG_WAIT)
    assert record is not None, "it has one row whatever there is"
    return Waiting(record["for_our_locks"], record["for_the_log"])
