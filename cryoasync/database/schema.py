"""The schema ``cryoasync``, brought up to date by numbered migrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from cryoasync.database.connection import Connection, Database
from cryoasync.errors import DatabaseRefusedError, UsageError

# "cryoasyn" in ASCII, so that no other program is likely to take the same lock.
MIGRATION_LOCK = int.from_bytes(b"cryoasyn")

_CREATE_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS cryoasync;
CREATE TABLE IF NOT EXISTS cryoasync.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered step; its file is ``migrations/<number>_<name>.sql``."""

    number: int
    name: str
    statements: str


def shipped_migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version of the package, in order."""
    folder = files("cryoasync.database") / "migrations"
    found = []
    for path in folder.iterdir():
        number, _, name = path.name.removesuffix(".sql").partition("_")
        if path.name.endswith(".sql"):
            found.append(Migration(number=int(number), name=name, statements=path.read_text("utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


async def migrate(database: Database, migrations: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Apply what is missing, each migration in a transaction of its own, and return what was applied.

    Several processes may do this at once; one does the work. With nothing to do it costs one query.

    Args:
        database: of any state, also an empty one.
        migrations: those to have, in order; by default those shipped.

    Raises:
        UsageError: the database was migrated by a newer version of the package.
        DatabaseRefusedError: the user may not create the schema or something in it.
        DatabaseError: anything else the server says; the migrations before it are applied.
    """
    migrations = shipped_migrations() if migrations is None else migrations
    async with database.session() as connection:
        try:
            pending = _pending(migrations, await _latest_number(connection))
            return tuple([migration for migration in pending if await _apply(connection, migration)])
        except asyncpg.InsufficientPrivilegeError as error:
            raise DatabaseRefusedError(
                f"The database user may not set up the schema cryoasync: {error}",
                hint="Grant CREATE on the database, or let its owner run `cryoasync db migrate` once.",
            ) from error


def _pending(migrations: Sequence[Migration], latest: int) -> list[Migration]:
    newest = max((migration.number for migration in migrations), default=0)
    if latest > newest:
        raise UsageError(
            f"The database has schema version {latest}; this cryoasync knows versions up to {newest}.",
            hint="Use the newer cryoasync that migrated it, or another --dsn.",
        )
    return [migration for migration in migrations if migration.number > latest]


async def _latest_number(connection: Connection) -> int:
    try:
        async with connection.transaction():
            latest = await connection.fetchval("SELECT max(number) FROM cryoasync.migrations")
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return 0
    return latest or 0


async def _apply(connection: Connection, migration: Migration) -> bool:
    """Apply one migration, unless another process did so while the lock was waited for."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        if migration.number == 1:
            await connection.execute(_CREATE_SCHEMA)
        if migration.number <= await _latest_number(connection):
            return False
        await connection.execute(migration.statements)
        await connection.execute(
            "INSERT INTO cryoasync.migrations (number, name) VALUES ($1, $2)",
            migration.number,
            migration.name,
        )
    return True
