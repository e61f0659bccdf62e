"""Opening a pool on a real server, and what is said where that fails."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from cryoasync.database import connection as connection_module
from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.pool.member import PoolLimits
from cryoasync.database.pooler import Pooler
from cryoasync.errors import DatabaseError, DatabaseRefusedError, DatabaseUnavailableError, UsageError

PASSWORD = "hunter2"


async def error_of(settings: DatabaseSettings) -> Exception:
    """The error of ours that opening raises."""
    with pytest.raises((DatabaseError, UsageError)) as raised:
        async with open_database(settings):
            pass
    assert PASSWORD not in str(raised.value)
    return raised.value


async def test_a_wrong_password_is_refused_and_not_shown(postgres: EmbeddedServer) -> None:
    """Exit code 2, with user and database named."""
    right = urlsplit(postgres.tcp_dsn("postgres"))
    wrong = f"postgresql://{right.username}:{PASSWORD}@{right.hostname}:{right.port}/postgres"
    error = await error_of(DatabaseSettings(dsn=wrong))
    assert isinstance(error, DatabaseRefusedError)
    assert f"{right.username}@127.0.0.1:{right.port}/postgres" in str(error)


async def test_an_unknown_database_is_refused(postgres: EmbeddedServer) -> None:
    """Its name is in the message."""
    error = await error_of(DatabaseSettings(dsn=postgres.dsn("no_such_database")))
    assert isinstance(error, DatabaseRefusedError)
    assert "no_such_database" in str(error)


async def test_a_server_that_nobody_runs_is_out_of_reach() -> None:
    """Port 1 takes no connection."""
    error = await error_of(DatabaseSettings(dsn=f"postgresql://user:{PASSWORD}@127.0.0.1:1/somewhere"))
    assert isinstance(error, DatabaseUnavailableError)
    assert "127.0.0.1:1/somewhere" in str(error)


@pytest.mark.parametrize(
    "dsn",
    [
        f"mysql://user:{PASSWORD}@localhost/db",
        f"postgresql://user:{PASSWORD}#x@localhost/db",
        f"postgresql://user:first@{PASSWORD}/last@localhost/db",
        f"postgresql://user:{PASSWORD}@localhost:port/db",
        f"user:{PASSWORD}@localhost/db",
    ],
)
async def test_a_dsn_that_cannot_be_read_is_an_error_of_the_command(dsn: str) -> None:
    """Neither the message nor the chain of errors repeats it."""
    error = await error_of(DatabaseSettings(dsn=dsn))
    assert isinstance(error, UsageError)
    assert error.__suppress_context__


async def test_a_server_before_14_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names both versions."""
    monkeypatch.setattr(connection_module, "OLDEST_MAJOR_VERSION", 99)
    error = await error_of(DatabaseSettings(dsn=dsn))
    assert isinstance(error, DatabaseRefusedError)
    assert "version 99 or later" in str(error)


@pytest.mark.parametrize("transaction_pooler", [False, True])
async def test_a_session_speaks_json_and_utc(dsn: str, *, transaction_pooler: bool) -> None:
    """Values come back as they went; the server knows who asks."""
    settings = DatabaseSettings(dsn=dsn, pooler=Pooler.TRANSACTION if transaction_pooler else None)
    value = {"a": [1, 2.5, None, "ß"]}
    async with open_database(settings) as database, database.transaction() as connection:
        assert await connection.fetchval("SELECT $1::jsonb", value) == value
        assert await connection.fetchval("SELECT $1::json", value) == value
        row = await connection.fetchrow(
            "SELECT current_setting('TimeZone'), current_setting('application_name')"
        )
        assert tuple(row or ()) == ("UTC", "cryoasync")


async def test_a_lost_connection_is_an_outage_and_the_pool_recovers(database: Database) -> None:
    """The error says that waiting can help; the next transaction gets a new connection."""
    with pytest.raises(DatabaseUnavailableError):
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_an_error_inside_a_transaction_writes_nothing(database: Database) -> None:
    """What the server says is in the message of an error of ours."""
    with pytest.raises(DatabaseError, match="division by zero"):
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE half_done (); SELECT 1 / 0")
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT to_regclass('half_done')") is None


async def test_a_transaction_left_open_is_rolled_back_without_a_word(dsn: str) -> None:
    """A task that is cancelled while its transaction begins cannot end it."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    only_one = DatabaseSettings(dsn=dsn, pool=PoolLimits(minimum=1, maximum=1))
    async with open_database(only_one) as database:
        connection = await database.pool.get_connection()
        await connection.execute("BEGIN")
        await database.pool.release_connection(connection, keeps_session=True)
        async with database.session() as again:
            assert again is connection
            assert not again.is_in_transaction()
    assert complaints == []


async def test_the_embedded_server_is_not_asked_for_what_far_ones_must_show(
    postgres: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate, by PGSSLMODE."""
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    settings = DatabaseSettings(dsn=postgres.dsn("postgres"))
    async with open_database(settings) as database, database.session() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_transaction_that_could_not_begin_leaves_nothing_to_the_next(database: Database) -> None:
    """Asyncpg would take the next one for a part of it, and set a savepoint where there is no transaction."""
    async with database.session() as connection:
        begin = connection.execute

        async def cancelled(statement: str) -> None:
            # For this message alone: behind a pooler the session goes on to serve others.
            too_long = "SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)"
            await begin(too_long if statement.startswith("BEGIN") else statement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg.Connection, "execute", lambda _, statement: cancelled(statement))
        with pytest.raises(DatabaseUnavailableError, match="statement timeout"):
            async with database.transaction():
                pass
    for _ in range(3):
        async with database.transaction() as connection:
            assert await connection.fetchval("SELECT 1") == 1
