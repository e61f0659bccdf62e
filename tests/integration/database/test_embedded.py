"""The embedded server as its users meet it: made, started, reached, shared, stopped and removed."""

import asyncio
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cryoasync.database.embedded import EmbeddedServer, ServerState, account
from cryoasync.database.embedded.account import Account
from cryoasync.database.embedded.postmaster import find_workers
from cryoasync.database.embedded.programs import find_programs
from cryoasync.errors import UsageError
from tests.ports import free_port

ENSURE = """
import sys
from pathlib import Path
import uvloop
from cryoasync.database.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]))
    await server.ensure_running()
    await server.create_database("shared")
    print(server.status().pid)

uvloop.run(main())
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """Give a server of this test alone, and leave nothing of it."""
    server = EmbeddedServer(tmp_path / "data")
    yield server
    await server.destroy()


async def ask(dsn: str, question: str) -> object:
    """Ask one question in a session of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def run_psql(dsn: str, question: str) -> str:
    """Ask one question with psql, as any user would."""
    psql = await asyncio.create_subprocess_exec(
        *(str(find_programs() / "psql"), "-X", "-At", dsn, "-c", question), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await psql.communicate()
    return output.decode()


async def test_a_database_is_there_after_the_first_start(server: EmbeddedServer) -> None:
    """The first start makes a server that speaks UTF-8, checks its pages and syncs its commits."""
    await server.ensure_running()
    await server.create_database("näme with 'quotes\" and spaces")
    dsn = server.dsn("näme with 'quotes\" and spaces")
    assert await ask(dsn, "SELECT current_database()") == "näme with 'quotes\" and spaces"
    settings = {
        name: await ask(dsn, f"SHOW {name}") for name in ("server_encoding", "data_checksums", "fsync")
    }
    assert settings == {"server_encoding": "UTF8", "data_checksums": "on", "fsync": "on"}


async def test_what_was_committed_is_there_after_a_stop(server: EmbeddedServer) -> None:
    """Stop and start keep the data, and status names each state."""
    states = [server.status().state]
    await server.ensure_running()
    states.append(server.status().state)
    await ask(server.dsn("postgres"), "CREATE TABLE kept AS SELECT 42 AS value")
    await server.stop()
    states.append(server.status().state)
    await server.ensure_running()
    assert await ask(server.dsn("postgres"), "SELECT value FROM kept") == 42
    assert states == [ServerState.ABSENT, ServerState.RUNNING, ServerState.STOPPED]


async def test_making_sure_twice_leaves_the_server_alone(server: EmbeddedServer) -> None:
    """A running server is not started again, nor is a database made again."""
    await server.ensure_running()
    first = server.status()
    await server.ensure_running()
    await asyncio.gather(*(server.create_database("same") for _ in range(3)))
    assert server.status() == first


async def test_processes_that_start_at_once_share_one_server(server: EmbeddedServer, tmp_path: Path) -> None:
    """Three processes that meet an empty folder end up with the same server and database."""
    starters = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", ENSURE, str(tmp_path / "data"), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    answers = [(await starter.communicate())[0].strip() for starter in starters]
    assert answers == [str(server.status().pid).encode()] * 3


async def test_the_server_outlives_the_process_that_started_it(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """When the starting process is gone, its database still answers."""
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", ENSURE, str(tmp_path / "data"))
    await starter.wait()
    assert await ask(server.dsn("shared"), "SELECT 1") == 1


async def test_a_path_too_long_for_a_socket_is_reached_all_the_same(tmp_path: Path) -> None:
    """The socket moves to a short folder that only its owner may enter, and goes with the server."""
    server = EmbeddedServer(tmp_path / ("deep-" * 20) / ("deeper " * 10))
    await server.ensure_running()
    try:
        folder = server.status().socket_dir
        assert await ask(server.dsn("postgres"), "SELECT 1") == 1
        assert len(str(folder)) < 60
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        await server.destroy()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["spaces and 'quotes\"", "a, b", "$HOME `id` 50% \\ ; é"])
async def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    """Names that a shell, a URI or PostgreSQL's lists could misread are only names."""
    server = EmbeddedServer(tmp_path / name)
    await server.ensure_running()
    try:
        await server.create_database(name)
        assert await ask(server.dsn(name), "SELECT current_database()") == name
        assert await run_psql(server.dsn(name), "SELECT 1") == "1\n"
    finally:
        await server.destroy()
    assert list((tmp_path / name).iterdir()) == []


async def test_only_the_owner_can_reach_the_files(server: EmbeddedServer, tmp_path: Path) -> None:
    """Nobody else can enter the folder, whose socket and password would let him in."""
    await server.ensure_running()
    root = tmp_path / "data" / "embedded-postgresql"
    # Where the path is too long for a socket, it lies in a folder of its own.
    sockets = server.status().socket_dir
    for folder in (root, root if sockets.is_relative_to(root) else sockets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.geteuid()


async def test_tcp_asks_for_the_password(server: EmbeddedServer) -> None:
    """An opened port takes the password and nothing else, on the loopback interface."""
    port = free_port()
    await server.ensure_running(tcp_port=port)
    assert server.status().tcp_port == port
    assert await ask(server.tcp_dsn("postgres"), "SELECT inet_server_addr()::text") == "127.0.0.1/32"
    assert await ask(server.dsn("postgres"), "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host="127.0.0.1", port=port, user="cryoasync", password="guess", database="postgres"
        )


async def test_opening_a_port_interrupts_nobody(server: EmbeddedServer) -> None:
    """While a session is open the server is not started again for a port; afterwards it is."""
    await server.ensure_running()
    port = free_port()
    session = await asyncpg.connect(server.dsn("postgres"))
    with pytest.raises(UsageError, match="sessions are open"):
        await server.ensure_running(tcp_port=port)
    assert await session.fetchval("SELECT 1") == 1
    await session.close()
    await server.ensure_running(tcp_port=port)
    assert server.status().tcp_port == port


async def test_a_taken_port_is_named_before_anything_is_stopped(server: EmbeddedServer) -> None:
    """A port in use is the user's to change; the running server goes on without it."""
    await server.ensure_running()
    first = server.status()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} cannot be opened"):
            await server.ensure_running(tcp_port=port)
    assert server.status() == first
    with pytest.raises(UsageError, match="does not listen on TCP"):
        server.tcp_dsn("postgres")


async def test_destroy_leaves_nothing(server: EmbeddedServer, tmp_path: Path) -> None:
    """Files and processes are gone; what else is in the data dir stays; a new start begins afresh."""
    await server.ensure_running()
    (tmp_path / "data" / "neighbour").touch()
    root = tmp_path / "data" / "embedded-postgresql"
    await server.destroy()
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["neighbour"]
    assert find_workers(root / "18") == []
    await server.ensure_running()
    assert await ask(server.dsn("postgres"), "SELECT 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
async def test_root_without_user_namespaces_keeps_its_folders_closed(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs as nobody inside a folder of root's, and the same data serve under either account."""
    (tmp_path / "data").mkdir(mode=0o700)
    await server.ensure_running()
    await ask(server.dsn("postgres"), "CREATE TABLE kept AS SELECT 42 AS value")
    await server.stop()
    with monkeypatch.context() as patched:
        patched.setattr(account, "_in_namespace", _forbidden)
        await server.ensure_running()
        assert await ask(server.dsn("postgres"), "SELECT value FROM kept") == 42
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        await server.stop()
    await server.ensure_running()
    assert await ask(server.dsn("postgres"), "SELECT value FROM kept") == 42


def _forbidden(_uid: int) -> Account | None:
    return None
