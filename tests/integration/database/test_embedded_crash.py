"""The embedded server after crashes: of the process that starts it, of the server, of the machine."""

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from cryoasync.database.embedded import EmbeddedServer, ServerState
from cryoasync.database.embedded import server as server_module
from cryoasync.database.embedded.account import choose_account
from cryoasync.database.embedded.postmaster import find_workers, mark_of
from cryoasync.database.embedded.programs import Programs, find_programs
from cryoasync.database.embedded.waiting import locked, wait_until
from cryoasync.errors import DatabaseError, DatabaseUnavailableError, UsageError

ENSURE = """
import asyncio, sys
from pathlib import Path
from cryoasync.database.embedded import EmbeddedServer
asyncio.run(EmbeddedServer(Path(sys.argv[1])).ensure_running())
"""

# What appears one after the other in the first start, as patterns below the server's folder.
STEPS = ("new-*", "new-*/18/base", "new-*/18/global/pg_control", "18", "18/postmaster.pid", "run/.s.PGSQL.*")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """Give a server of this test alone, and leave nothing of it."""
    server = EmbeddedServer(tmp_path)
    yield server
    await server.destroy()


def root(tmp_path: Path) -> Path:
    """Give the server's folder."""
    return tmp_path / "embedded-postgresql"


def processes_of(tmp_path: Path) -> list[str]:
    """Give the command lines of all that works on the server's folder."""
    marks = [str(tmp_path)]
    with suppress(FileNotFoundError):
        marks.append(mark_of(root(tmp_path) / "18"))
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if any(mark in line for mark in marks)]


async def kill(pid: int | None) -> None:
    """Kill a process that is no child of ours, and wait for it to end."""
    assert pid is not None
    process = psutil.Process(pid)
    process.kill()
    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    assert await wait_until(lambda: not process.is_running() or process.status() in ended, timeout_seconds=30)


@pytest.mark.parametrize("step", STEPS)
async def test_a_first_start_killed_at_any_step_can_be_done_again(
    server: EmbeddedServer, tmp_path: Path, step: str
) -> None:
    """Kill -9 of the starting process leaves a folder that starts, with nothing left over in it."""
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", ENSURE, str(tmp_path))
    await wait_until(lambda: any(root(tmp_path).glob(step)), timeout_seconds=30)
    await asyncio.sleep(random.Random(step).uniform(0, 0.05))
    if starter.returncode is None:
        starter.kill()
    await starter.wait()
    await server.ensure_running()
    await server.create_database("fresh")
    names = {entry.name for entry in root(tmp_path).iterdir()}
    assert names == {"18", "lock", "run", "start.log", "watcher.lock"}


async def test_commits_survive_the_kill_of_the_server(server: EmbeddedServer) -> None:
    """After kill -9 of the server, with sessions at work, the next start recovers each commit."""
    await server.ensure_running()
    session = await asyncpg.connect(server.dsn("postgres"))
    busy = await asyncpg.connect(server.dsn("postgres"))
    await session.execute("CREATE TABLE kept AS SELECT 42 AS value")
    working = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 100000000)"))
    await kill(server.status().pid)
    await server.ensure_running()
    again = await asyncpg.connect(server.dsn("postgres"))
    assert await again.fetchval("SELECT value FROM kept") == 42
    await again.close()
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        await working
    session.terminate()


async def test_a_lock_file_of_a_reused_process_number_does_not_matter(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """A lock file that names a living stranger is taken for what it is."""
    await server.ensure_running()
    pid_file = root(tmp_path) / "18" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    await kill(server.status().pid)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert server.status().state is ServerState.STOPPED
    await server.ensure_running()
    assert server.status().state is ServerState.RUNNING


async def test_destroy_ends_what_a_killed_server_left(server: EmbeddedServer, tmp_path: Path) -> None:
    """A session that computes does not notice that its server was killed; it goes before its files do."""
    await server.ensure_running()
    busy = await asyncpg.connect(server.dsn("postgres"))
    working = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 100000000)"))
    cluster = root(tmp_path) / "18"
    onlooker = await asyncpg.connect(server.dsn("postgres"))
    at_work = (
        "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series%' AND pid = $1"
    )
    while not await onlooker.fetch(at_work, busy.get_server_pid()):
        pass
    onlooker.terminate()
    await kill(server.status().pid)
    workers = find_workers(cluster)
    await server.destroy()
    assert workers
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    assert not cluster.exists()
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        await working


@pytest.mark.parametrize("content", ["", "\0\0\0\0"])
async def test_a_lock_file_that_a_power_cut_emptied_does_not_matter(
    server: EmbeddedServer, tmp_path: Path, content: str
) -> None:
    """A lock file without a number is a remnant: PostgreSQL alone would refuse to start."""
    await server.ensure_running()
    await server.stop()
    (root(tmp_path) / "18" / "postmaster.pid").write_text(content)
    await server.ensure_running()
    assert server.status().state is ServerState.RUNNING


async def test_a_server_started_by_other_means_is_left_alone(server: EmbeddedServer, tmp_path: Path) -> None:
    """A server that somebody started on the folder by hand keeps it: two would destroy the data."""
    await server.ensure_running()
    await server.stop()
    programs = Programs(folder=find_programs(), account=choose_account(find_programs() / "postgres"))
    cluster = root(tmp_path) / "18"
    options = f"-c listen_addresses= -c unix_socket_directories={tmp_path}"
    by_hand = ("start", "--wait", "--silent", "-D", str(cluster), "-l", str(tmp_path / "log"), "-o", options)
    assert (await programs.run("pg_ctl", by_hand, cwd=tmp_path))[0] == 0
    try:
        with pytest.raises(DatabaseError, match="Is another postmaster"):
            await server.ensure_running()
    finally:
        await programs.run("pg_ctl", ("stop", "--wait", "--silent", "-D", str(cluster)), cwd=tmp_path)
    await server.ensure_running()


async def test_a_server_in_another_container_is_left_alone(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that lives while no server is to be seen watches one that runs out of sight."""
    await server.ensure_running()
    await server.stop()
    monkeypatch.setattr(server_module, "_WATCHER_ENDS_SECONDS", 0.1)
    async with locked(root(tmp_path) / "watcher.lock", timeout_seconds=1):
        for attempt in (server.ensure_running, server.destroy):
            with pytest.raises(DatabaseUnavailableError, match="another container"):
                await attempt()
    assert (root(tmp_path) / "18" / "PG_VERSION").exists()


async def test_a_lost_socket_is_made_again(server: EmbeddedServer) -> None:
    """A server whose socket somebody removed is started again, since nobody can reach it."""
    await server.ensure_running()
    for entry in server.status().socket_dir.iterdir():
        entry.unlink()
    await server.ensure_running()
    session = await asyncpg.connect(server.dsn("postgres"))
    assert await session.fetchval("SELECT 1") == 1
    await session.close()


async def test_a_server_that_cannot_start_says_why(server: EmbeddedServer, tmp_path: Path) -> None:
    """The error carries the server's own words."""
    await server.ensure_running()
    await server.stop()
    with (root(tmp_path) / "18" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = 'many'\n")
    with pytest.raises(DatabaseError, match=r"invalid value for parameter .shared_buffers.") as caught:
        await server.ensure_running()
    assert caught.value.exit_code == 4


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The error says where the trouble is, and what to do."""
    blocked = tmp_path / "file"
    blocked.touch()
    server = EmbeddedServer(blocked)
    with pytest.raises(UsageError, match=str(blocked)) as caught:
        await server.ensure_running()
    assert "--data-dir" in (caught.value.hint or "")


@pytest.mark.parametrize("step", [*STEPS[:3], *STEPS[4:]])
async def test_a_cancelled_first_start_leaves_no_process(
    server: EmbeddedServer, tmp_path: Path, step: str
) -> None:
    """Ctrl-C in the first start ends what it began, and leaves nothing that the second minds."""
    starting = asyncio.create_task(server.ensure_running())
    await wait_until(lambda: any(root(tmp_path).glob(step)) or starting.done(), timeout_seconds=30)
    starting.cancel()
    await asyncio.wait((starting,))
    if starting.cancelled():  # else it was done before it could be cancelled, and has its watcher
        assert processes_of(tmp_path) == []
    await server.ensure_running()
    assert server.status().state is ServerState.RUNNING


async def test_a_program_whose_caller_goes_before_it_began_is_waited_for(tmp_path: Path) -> None:
    """However busy the threads are, no program stays that nobody takes note of; a warning would say so."""
    programs = Programs(folder=find_programs(), account=choose_account(find_programs() / "postgres"))
    with ThreadPoolExecutor(1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        release = threading.Event()
        busy = asyncio.create_task(asyncio.to_thread(release.wait))
        running = asyncio.create_task(programs.run("initdb", ("--version",), cwd=tmp_path))
        await asyncio.sleep(0)
        running.cancel()
        asyncio.get_running_loop().call_soon(release.set)
        await asyncio.wait((running, busy))
    assert running.cancelled()


async def test_the_interrupt_of_the_terminal_does_not_reach_the_server(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """The server stands in a session of its own: SIGINT to the starter's group leaves it running."""
    # Tests that run in the background ignore the signal, and their children with them.
    script = ENSURE + "import os, signal; signal.signal(2, signal.SIG_DFL); os.killpg(0, signal.SIGINT)"
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path)), start_new_session=True, stderr=subprocess.DEVNULL
    )
    assert await starter.wait() != 0
    session = await asyncpg.connect(server.dsn("postgres"))
    assert await session.fetchval("SELECT 1") == 1
    await session.close()
