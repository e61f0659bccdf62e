"""What stands between us and PostgreSQL: nothing, or a pooler that lends us its connections.

Nothing here is prepared, and one statement is one message: so it is safe behind every pooler, and leaves nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from cryoasync.database.pool.member import PooledConnection

SUPABASE_TRANSACTION_PORT = 6543
"""Supabase's poolers, and those who follow them, give transactions at this port and sessions at 5432."""

_ROUNDS = 3
_UNDECIDED_AFTER_SECONDS = 2.0

_SERVER_FACTS = """
SELECT pg_backend_pid(),
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database())
"""


class Pooler(StrEnum):
    """How a connection of ours is connected to one of the server's."""

    NONE = "none"
    """It is one."""
    SESSION = "session"
    """It has one for as long as it lasts."""
    TRANSACTION = "transaction"
    """It is given one for each transaction: no prepared statements, no session locks, no settings that last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself: the process that serves us, and how many connections it can ever give us."""

    backend_pid: int
    connections: int


async def server_facts(connection: PooledConnection) -> ServerFacts:
    """Ask the server, in one message."""
    pid, *limits = await _row(connection, _SERVER_FACTS)
    return ServerFacts(backend_pid=pid, connections=min(limit for limit in limits if limit >= 0))


async def detect_pooler(
    connection: PooledConnection, facts: ServerFacts, connect: Callable[[], Awaitable[PooledConnection]]
) -> Pooler:
    """Tell whether a pooler stands in between, and of which mode; ``connect`` opens a second connection for that.

    PostgreSQL tells a connection the number of its own process at the start; a pooler cannot know it then. One
    that lends by the transaction shows when two connections take turns. Where that remains unclear it is taken
    for one, for what is careful enough for transactions is right for sessions too.
    """
    if facts.backend_pid == connection.get_server_pid():
        return Pooler.NONE
    other = await connect()
    turns = asyncio.create_task(_mode_of([connection, other]), name="pooler-detection")
    try:
        done, _ = await asyncio.wait({turns}, timeout=_UNDECIDED_AFTER_SECONDS)
        if done:
            return turns.result()
        # Not cancelled: that would have asyncpg open another connection, to cancel a statement that never began.
        connection.terminate()
        return Pooler.TRANSACTION
    finally:
        other.terminate()
        await asyncio.gather(turns, return_exceptions=True)


async def _mode_of(connections: list[PooledConnection]) -> Pooler:
    """Let two connections be served at once, several times, and see whether one is ever served by another process.

    The order in which they begin and end alternates: one order or the other makes a pooler that hands out the
    process used last, or the one that rested longest, swap them.
    """
    served_by: dict[PooledConnection, set[int]] = {connection: set() for connection in connections}
    for number in range(_ROUNDS):
        order = connections if number % 2 == 0 else connections[::-1]
        for connection in order:
            await connection.execute("BEGIN")
            served_by[connection] |= set(await _row(connection, "SELECT pg_backend_pid()"))
        for connection in connections:
            await connection.execute("COMMIT")
    return Pooler.SESSION if all(len(pids) == 1 for pids in served_by.values()) else Pooler.TRANSACTION


async def _row(connection: PooledConnection, query: str) -> list[int]:
    """Return the numbers of a single row. COPY needs no prepared statement, as every other query with a result."""
    text = bytearray()

    async def take(data: bytes) -> None:
        text.extend(data)

    await connection.copy_from_query(query, output=take, null="-1")
    try:
        return [int(value) for value in text.split()]
    except ValueError as error:
        raise asyncpg.InterfaceError(f"unexpected answer of the server: {bytes(text)!r}") from error
