"""Imports through PgBouncer, in either mode, by what users run: found out, exact, and resumed."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.pooler import Pooler
from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds, true_compounds, value
from tests.system.pgbouncer import PgBouncer, running_pgbouncer

pytestmark = pytest.mark.system

WORDS = ("run", "pubchem", "1-2000", "--chunk-size", "10", "--no-cache", "--rdkit", "off", "--json")
SLOWLY = ("--max-rate", "15")


@pytest.fixture(params=["session", "transaction"])
async def pooler(request: pytest.FixtureRequest, postgres: EmbeddedServer) -> AsyncIterator[PgBouncer]:
    """A pooler in front of the tests' server."""
    async with running_pgbouncer(request.param, postgres.tcp_dsn("postgres")) as running:
        yield running


@pytest.mark.parametrize(
    ("mode", "setting", "found"),
    [
        ("session", "", Pooler.SESSION),
        ("session", "server_round_robin = 1", Pooler.SESSION),
        ("transaction", "", Pooler.TRANSACTION),
        ("transaction", "server_round_robin = 1", Pooler.TRANSACTION),
        ("transaction", "default_pool_size = 1", Pooler.TRANSACTION),
        # A single connection tells nothing, and what is right for transactions is right for sessions.
        ("session", "default_pool_size = 1", Pooler.TRANSACTION),
    ],
)
async def test_what_stands_in_between_is_found_out(
    postgres: EmbeddedServer, mode: str, setting: str, found: Pooler
) -> None:
    """The first time and again, when the pooler has connections at hand."""
    async with running_pgbouncer(mode, postgres.tcp_dsn("postgres"), setting) as pooler:
        for _ in range(2):
            async with open_database(DatabaseSettings(dsn=pooler.dsn("postgres"))) as database:
                assert database.pooler is found


async def test_a_run_through_a_pooler_is_exact_however_often_both_are_killed(
    pooler: PgBouncer, cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """A second process is refused; the pooler is restarted and the process killed in the middle."""
    through = pooler.dsn(dsn.partition("?")[0].rpartition("/")[2])
    cryoasync.environment["DATABASE_URL"] = through
    running = await asyncio.to_thread(cryoasync.start, *WORDS, *SLOWLY)
    await until_imported(dsn, 100)
    held = await asyncio.to_thread(cryoasync, *WORDS)
    assert (held.exit_code, held.error["kind"]) == (75, "run_held")
    status = await asyncio.to_thread(cryoasync, "status", "--json")
    assert status.document["live"]["database"]["pooler"] == pooler.mode
    pooler.stop()
    await pooler.start()
    await until_imported(dsn, await imported(dsn) + 100)
    running.signal(signal.SIGKILL)
    await asyncio.to_thread(running.end)
    ended = await asyncio.to_thread(cryoasync, *WORDS)
    assert (ended.exit_code, ended.document["imported"], ended.document["pending"]) == (0, 2000, 0)
    assert await asyncio.to_thread(compounds, dsn) == await asyncio.to_thread(
        true_compounds, at_once, 1, 2000
    )
    assert await asyncio.to_thread(value, dsn, "SELECT count(*) FROM cryoasync.runs") == 1


async def test_a_pooler_with_fewer_connections_than_are_wanted_is_lived_with(
    postgres: EmbeddedServer,
) -> None:
    """Those that get none are given up in time, and the others serve all."""
    async with running_pgbouncer("session", postgres.tcp_dsn("postgres"), "default_pool_size = 3") as pooler:
        settings = DatabaseSettings(dsn=pooler.dsn("postgres"), connect_timeout_seconds=1.0)
        async with open_database(settings) as database:

            async def use() -> None:
                for _ in range(3):
                    async with database.transaction() as connection:
                        await connection.execute("SELECT pg_sleep(0.2)")

            await asyncio.gather(*(use() for _ in range(12)))
            stats = database.pool.get_stats()
            assert stats.size <= 3
            assert stats.history.failed_openings > 0


async def imported(dsn: str) -> int:
    """Count the compounds."""
    count: int = await asyncio.to_thread(value, dsn, "SELECT count(*) FROM cryoasync.pubchem_compounds")
    return count


async def until_imported(dsn: str, number: int) -> None:
    """Return once there are so many compounds."""
    async with asyncio.timeout(40.0):
        while await imported(dsn) < number:
            pass
