"""What is asked of a running embedded server in a session of one's own."""

import asyncpg

from cryoasync.database.error_translation import translated_errors
from cryoasync.errors import DatabaseError

MAINTENANCE_DATABASE = "postgres"

_SERVER = "the embedded database server"


async def create_database(dsn: str, name: str) -> None:
    """Make the database ``name`` on the server of ``dsn`` unless it is there, whoever else does the same.

    Raises:
        DatabaseError: The server refuses, with its message.
        DatabaseUnavailableError: The server is out of reach.
    """
    if await _ask(dsn, "SELECT count(*) FROM pg_database WHERE datname = $1", name):
        return
    try:
        await _ask(dsn, f"CREATE DATABASE {_identifier(name)}")
    except DatabaseError as error:
        if not isinstance(error.__cause__, asyncpg.DuplicateDatabaseError | asyncpg.UniqueViolationError):
            raise


async def count_others(dsn: str) -> int:
    """Count the sessions that are open on the server of ``dsn``, this one left out."""
    return await _ask(
        dsn,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()",
    )


async def _ask(dsn: str, statement: str, *arguments: str) -> int:
    with translated_errors(_SERVER):
        connection = await asyncpg.connect(dsn)
        try:
            return int(await connection.fetchval(statement, *arguments) or 0)
        finally:
            await connection.close()


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
