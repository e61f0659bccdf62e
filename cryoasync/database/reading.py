"""Transactions that only read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryoasync.database.connection import Connection, Database
from cryoasync.database.pool.queue import Priority


@asynccontextmanager
async def reading(database: Database) -> AsyncIterator[Connection]:
    """Take a connection that sees one moment of the database, and can change nothing.

    Raises:
        DatabaseError: as for :meth:`Database.session`.
    """
    async with (
        database.session(Priority.STATUS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection
