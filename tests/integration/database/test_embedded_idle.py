"""The watcher: it stops a server that nobody uses, and only such a one."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from cryoasync.database.embedded import EmbeddedServer, ServerState, watcher
from cryoasync.database.embedded.waiting import wait_until

IDLE_SECONDS = 1.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """Give a server that soon counts as idle, and leave nothing of it."""
    server = EmbeddedServer(tmp_path, idle_timeout_seconds=IDLE_SECONDS)
    yield server
    await server.destroy()


def watchers(folder: Path) -> list[psutil.Process]:
    """Find the living watchers of the server in ``folder``."""
    lock = f"--lock={folder / 'embedded-postgresql' / 'lock'}"
    found = {
        process.pid: process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if {watcher.__file__, lock} <= set(process.info["cmdline"] or ())
    }
    # A child that is about to become psql still looks like its parent.
    return [process for process in found.values() if process.info["ppid"] not in found]


async def test_an_idle_server_stops_and_its_watcher_with_it(server: EmbeddedServer, tmp_path: Path) -> None:
    """Nobody connects, so both end; the next start brings both back."""
    for _ in range(2):
        await server.ensure_running()
        assert len(watchers(tmp_path)) == 1
        assert await wait_until(lambda: server.status().state is ServerState.STOPPED, timeout_seconds=30)
        assert await wait_until(lambda: not watchers(tmp_path), timeout_seconds=30)


async def test_an_open_session_keeps_the_server(server: EmbeddedServer) -> None:
    """A session that does nothing is use; when it has gone, the server stops."""
    await server.ensure_running()
    session = await asyncpg.connect(server.dsn("postgres"))
    await asyncio.sleep(IDLE_SECONDS * 2.5)
    assert await session.fetchval("SELECT 1") == 1
    await session.close()
    assert await wait_until(lambda: server.status().state is ServerState.STOPPED, timeout_seconds=30)


async def test_short_sessions_keep_the_server(server: EmbeddedServer, tmp_path: Path) -> None:
    """Sessions that come and go between two looks are use too."""
    # On a busy machine a session takes longer than the idle time of the other tests.
    await EmbeddedServer(tmp_path, idle_timeout_seconds=2 * IDLE_SECONDS).ensure_running()
    first = server.status().pid
    used_until = time.monotonic() + 3 * IDLE_SECONDS
    while time.monotonic() < used_until:
        session = await asyncpg.connect(server.dsn("postgres"))
        await session.close()
        await asyncio.sleep(IDLE_SECONDS / 10)
    assert server.status().pid == first


async def test_a_killed_watcher_is_replaced_by_the_next_command(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """Killing the watcher harms nobody, and there is never a second one."""
    await server.ensure_running()
    os.kill(watchers(tmp_path)[0].pid, signal.SIGKILL)
    assert await wait_until(lambda: not watchers(tmp_path), timeout_seconds=30)
    await asyncio.gather(*(server.ensure_running() for _ in range(3)))
    assert len(watchers(tmp_path)) == 1


async def test_no_watcher_outlives_a_stop(server: EmbeddedServer, tmp_path: Path) -> None:
    """When stop returns, the watcher has ended."""
    await server.ensure_running()
    await server.stop()
    assert watchers(tmp_path) == []
