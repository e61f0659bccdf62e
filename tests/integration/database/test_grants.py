"""The role that can only import."""

import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

import cryoasync
from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.grants import EMPTIED_TABLES, grants_for
from cryoasync.database.schema import Migration, migrate, shipped_migrations
from cryoasync.errors import DatabaseRefusedError
from tests.conftest import run_statement

OWNERS = {"runs", "run_inputs", "deferred_indexes"}
"""Tables whose rows are the owner's to remove: by `cryoasync runs delete`, and with indexes, which are his."""


@pytest.fixture
async def importer(dsn: str, postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The DSN of a role that was granted what imports need, and whose name must be quoted."""
    role = f"im-porter {uuid.uuid4().hex[:8]}"
    database = urlsplit(dsn).path.lstrip("/")
    await run_statement(dsn, f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    for _ in range(2):
        await run_statement(dsn, grants_for(role, database))
    await run_statement(dsn, f"ALTER ROLE \"{role}\" PASSWORD 'x'")
    address = urlsplit(postgres.tcp_dsn(database))
    yield f"postgresql://{role.replace(' ', '%20')}:x@{address.hostname}:{address.port}{address.path}"
    await run_statement(dsn, f'DROP OWNED BY "{role}"')
    await run_statement(dsn, f'DROP ROLE "{role}"')


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE cryoasync.mine (a int)",
        "CREATE TABLE public.mine (a int)",
        "DELETE FROM cryoasync.pubchem_compounds",
        "TRUNCATE cryoasync.requests",
        "DROP TABLE cryoasync.requests",
        "INSERT INTO cryoasync.migrations (number, name) VALUES (999, 'mine')",
    ],
)
async def test_it_can_do_nothing_else(importer: str, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run_statement(importer, statement)


async def test_a_migration_by_it_is_refused_with_the_way_out(importer: str, dsn: str) -> None:
    """Nothing is changed, and the owner is named as who must do it."""
    newer = Migration(
        number=shipped_migrations()[-1].number + 1, name="newer", statements="CREATE TABLE cryoasync.n ()"
    )
    async with open_database(DatabaseSettings(dsn=importer)) as database:
        assert await migrate(database) == ()
        with pytest.raises(DatabaseRefusedError, match="may not set up the schema") as refused:
            await migrate(database, [*shipped_migrations(), newer])
    assert "let its owner run `cryoasync db migrate`" in (refused.value.hint or "")
    await run_statement(dsn, newer.statements)
    await run_statement(importer, "INSERT INTO cryoasync.n DEFAULT VALUES")


def test_what_imports_remove_is_granted() -> None:
    """Every table that a statement of the package deletes from."""
    sources = [path for path in Path(cryoasync.__file__).parent.rglob("*") if path.suffix in {".py", ".sql"}]
    found = {
        table
        for path in sources
        for table in re.findall(r"DELETE FROM cryoasync\.(\w+)", path.read_text("utf-8"))
    }
    assert found - OWNERS == set(EMPTIED_TABLES)
