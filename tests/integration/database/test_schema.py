"""Migrations on a real server."""

import asyncio

import asyncpg
import pytest

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.schema import Migration, migrate, shipped_migrations
from cryoasync.errors import DatabaseRefusedError, UsageError
from tests.conftest import Fetch

LATEST = shipped_migrations()[-1].number


def a_migration(number: int, statements: str) -> Migration:
    """A step that no release holds."""
    return Migration(number=number, name="test", statements=statements)


async def test_a_migrated_database_needs_one_query(database: Database) -> None:
    """With nothing to do, one question is asked and nothing is returned."""
    async with database.session() as connection:
        queries: list[str] = []
        connection.add_query_logger(lambda query: queries.append(query.query))
        assert await migrate(connection) == ()
        assert len([query for query in queries if not query.startswith(("BEGIN", "COMMIT"))]) == 1


async def test_processes_that_migrate_at_once_apply_each_migration_once(empty_dsn: str) -> None:
    """Of eight at once, exactly one applies it, and all end well."""
    async with open_database(DatabaseSettings(dsn=empty_dsn, max_size=8)) as database:

        async def one() -> int:
            async with database.session() as connection:
                return len(await migrate(connection))

        applied = await asyncio.gather(*(one() for _ in range(8)))
    assert sorted(applied) == [0] * 7 + [len(shipped_migrations())]


async def test_a_failing_migration_leaves_nothing_and_keeps_those_before_it(
    database: Database, fetch: Fetch
) -> None:
    """Each migration is a transaction of its own."""
    steps = [
        *shipped_migrations(),
        a_migration(LATEST + 1, "CREATE TABLE cryoasync.first ()"),
        a_migration(LATEST + 2, "CREATE TABLE cryoasync.second (); SELECT 1 / 0"),
    ]
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with database.pool.acquire() as connection:
            await migrate(connection, steps)
    tables = await fetch("SELECT tablename FROM pg_tables WHERE tablename IN ('first', 'second')")
    assert tables == [("first",)]
    assert await fetch("SELECT max(number) FROM cryoasync.migrations") == [(LATEST + 1,)]


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    """The older code says so instead of writing to tables it does not know."""
    async with database.session() as connection:
        await connection.execute("INSERT INTO cryoasync.migrations (number, name) VALUES (9999, 'later')")
        with pytest.raises(UsageError, match="schema version 9999"):
            await migrate(connection)


async def test_a_user_who_may_not_create_the_schema_is_told_what_to_grant(empty_dsn: str) -> None:
    """Permission is an error of the command, with a hint."""
    async with open_database(DatabaseSettings(dsn=empty_dsn)) as database, database.session() as connection:
        await connection.execute("CREATE ROLE guest; SET ROLE guest")
        try:
            with pytest.raises(DatabaseRefusedError, match="schema cryoasync") as raised:
                await migrate(connection)
        finally:
            await connection.execute("RESET ROLE; DROP ROLE guest")
    assert "db migrate" in (raised.value.hint or "")
