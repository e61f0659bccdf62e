"""Migrations on a real server."""

import asyncio
import uuid

import pytest

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.pool.member import PoolLimits
from cryoasync.database.schema import MIGRATION_LOCK, Migration, migrate, shipped_migrations
from cryoasync.errors import DatabaseError, DatabaseRefusedError, UsageError
from tests.conftest import Fetch, run_statement

LATEST = shipped_migrations()[-1].number


def a_migration(number: int, statements: str) -> Migration:
    """A step that no release holds."""
    return Migration(number=number, name="test", statements=statements)


async def test_a_migrated_database_is_only_looked_at(database: Database) -> None:
    """With nothing to do, a process that migrates is not waited for."""
    async with database.session() as busy, busy.transaction():
        await busy.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await busy.execute("LOCK TABLE cryoasync.migrations IN EXCLUSIVE MODE")
        assert await migrate(database) == ()


async def test_processes_that_migrate_at_once_apply_each_migration_once(empty_dsn: str) -> None:
    """Of eight at once, exactly one applies each, and all end well."""
    async with open_database(DatabaseSettings(dsn=empty_dsn, pool=PoolLimits(maximum=8))) as database:
        applied = await asyncio.gather(*(migrate(database) for _ in range(8)))
    together = [migration for each in applied for migration in each]
    assert sorted(together, key=lambda migration: migration.number) == list(shipped_migrations())


async def test_a_failing_migration_leaves_nothing_and_keeps_those_before_it(
    database: Database, fetch: Fetch
) -> None:
    """Each migration is a transaction of its own."""
    steps = [
        *shipped_migrations(),
        a_migration(LATEST + 1, "CREATE TABLE cryoasync.first ()"),
        a_migration(LATEST + 2, "CREATE TABLE cryoasync.second (); SELECT 1 / 0"),
    ]
    with pytest.raises(DatabaseError, match="division by zero"):
        await migrate(database, steps)
    tables = await fetch("SELECT tablename FROM pg_tables WHERE tablename IN ('first', 'second')")
    assert tables == [("first",)]
    assert await fetch("SELECT max(number) FROM cryoasync.migrations") == [(LATEST + 1,)]


async def test_a_database_of_a_newer_version_is_refused(database: Database, fetch: Fetch) -> None:
    """The older code says so instead of writing to tables it does not know."""
    await fetch("INSERT INTO cryoasync.migrations (number, name) VALUES (9999, 'later') RETURNING 1")
    with pytest.raises(UsageError, match="schema version 9999"):
        await migrate(database)


async def test_a_user_who_may_not_create_the_schema_is_told_what_to_grant(
    postgres: EmbeddedServer, empty_dsn: str
) -> None:
    """Permission is an error of the command, with a hint."""
    role = f"guest_{uuid.uuid4().hex}"
    await run_statement(empty_dsn, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        name = empty_dsn.partition("@/")[2].partition("?")[0]
        address = postgres.tcp_dsn(name).partition("@")[2]
        guest = DatabaseSettings(dsn=f"postgresql://{role}:x@{address}")
        async with open_database(guest) as database:
            with pytest.raises(DatabaseRefusedError, match="schema cryoasync") as raised:
                await migrate(database)
    finally:
        await run_statement(empty_dsn, f"DROP ROLE {role}")
    assert "db migrate" in (raised.value.hint or "")
