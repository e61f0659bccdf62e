"""The embedded server as the rest of the package sees it."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from cryoasync.database.embedded import sessions
from cryoasync.database.embedded.account import choose_account
from cryoasync.database.embedded.cluster import DEFAULT_PORT, SUPERUSER, Cluster, refuse_a_taken_port
from cryoasync.database.embedded.folder import MAJOR_VERSION, ServerFolder, translated
from cryoasync.database.embedded.postmaster import Postmaster, ServerState, find_postmaster
from cryoasync.database.embedded.programs import Programs, find_programs
from cryoasync.database.embedded.remains import clear_remains
from cryoasync.database.embedded.waiting import in_thread, locked, wait_until
from cryoasync.database.embedded.watch import Watch
from cryoasync.errors import DatabaseUnavailableError, UsageError

_WATCHER_ENDS_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What an embedded server is doing; the optional parts are known of a living server only."""

    state: ServerState
    version: int
    data_dir: Path
    socket_dir: Path
    pid: int | None = None
    tcp_port: int | None = None
    since: datetime | None = None


class EmbeddedServer:
    """The PostgreSQL server of one data dir; any number of processes may use it at once."""

    def __init__(
        self,
        data_dir: Path,
        *,
        idle_timeout_seconds: float = 1800.0,
        patience_seconds: float = 3600.0,
    ) -> None:
        """Name the server of ``data_dir``; nothing is touched yet.

        Args:
            data_dir: The folder that holds the server's folder, and may hold other things.
            idle_timeout_seconds: How long a server started here stays without a session.
            patience_seconds: How long to wait for a recovery, a shutdown, or another process at work on them.
        """
        self._data_dir = data_dir
        self._folder = ServerFolder.of(data_dir)
        self._watch = Watch(folder=self._folder, idle_timeout_seconds=idle_timeout_seconds)
        self._patience_seconds = patience_seconds

    async def ensure_running(self, *, tcp_port: int | None = None) -> None:
        """Return when the server takes sessions, having made and started it where needed.

        With ``tcp_port`` it listens on the loopback interface too, for which a running server is started
        again. It goes on when this process ends; when the caller is cancelled, what was started is ended.

        Raises:
            UsageError: The folder cannot be used, the port is taken, or open sessions forbid to start again.
            DatabaseError: The server cannot be made or started; the message is its own.
        """
        self._folder.create()
        programs = find_programs()
        async with locked(self._folder.lock, timeout_seconds=self._patience_seconds) as lock:
            os.utime(lock)
            postmaster = await self._settled()
            if postmaster and not _serves(postmaster, tcp_port):
                refuse_a_taken_port(tcp_port)
                await self._refuse_to_interrupt(postmaster)
                await self._end(postmaster)
                postmaster = None
            if not postmaster:
                refuse_a_taken_port(tcp_port)
                postmaster = await self._start(programs, lock, tcp_port)
            await self._watch.ensure(postmaster, psql=programs / "psql")

    async def stop(self) -> bool:
        """End all sessions, stop the server and say whether it was running; what was committed stays.

        Raises:
            UsageError: The folder belongs to somebody else.
            DatabaseUnavailableError: It did not stop within the patience.
        """
        if not self._folder.exists():
            return False
        async with locked(self._folder.lock, timeout_seconds=self._patience_seconds):
            return await self._stop()

    async def destroy(self) -> None:
        """Stop the server and remove its folder with all data in it. The data dir itself stays.

        Raises:
            UsageError: The folder belongs to somebody else.
            DatabaseUnavailableError: The server did not stop within the patience, or runs out of sight.
        """
        if not self._folder.exists():
            return
        async with locked(self._folder.lock, timeout_seconds=self._patience_seconds):
            await self._stop()
            with translated(self._folder.root):
                await in_thread(self._folder.remove)

    def status(self) -> ServerStatus:
        """Say what the server does at this moment.

        Raises:
            UsageError: The folder belongs to somebody else.
        """
        known = self._folder.exists()
        postmaster = find_postmaster(self._folder.cluster)
        if postmaster:
            return ServerStatus(
                state=postmaster.state,
                version=MAJOR_VERSION,
                data_dir=self._data_dir,
                socket_dir=postmaster.socket_dir,
                pid=postmaster.pid,
                tcp_port=postmaster.port if postmaster.listens_on_tcp else None,
                since=postmaster.since,
            )
        return ServerStatus(
            state=ServerState.STOPPED if known and self._folder.cluster.is_dir() else ServerState.ABSENT,
            version=MAJOR_VERSION,
            data_dir=self._data_dir,
            socket_dir=self._folder.socket_dir(),
        )

    def dsn(self, database: str) -> str:
        """Give the URI of a database of this server, for asyncpg and every tool of libpq.

        It leads through the socket, where the kernel vouches for the user: it holds no secret. What PGSSLMODE
        asks of servers far away is not asked of this one.
        """
        postmaster = find_postmaster(self._folder.cluster)
        port = postmaster.port if postmaster else DEFAULT_PORT
        host = quote(str(self._folder.socket_dir()), safe="")
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={host}&port={port}&sslmode=disable"

    def tcp_dsn(self, database: str) -> str:
        """Give the URI of a database over TCP, for tools that cannot use a socket. It holds the password.

        Raises:
            UsageError: The server does not listen on TCP.
        """
        status = self.status()
        if status.tcp_port is None:
            raise UsageError(
                "The database server does not listen on TCP.", hint="Open a port: cryoasync db up --port PORT"
            )
        with translated(self._folder.root):
            password = self._folder.password.read_text("utf-8").strip()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{status.tcp_port}/{quote(database, safe='')}"

    async def create_database(self, name: str) -> None:
        """Make the database ``name`` unless it is there; the server must be running.

        Raises:
            DatabaseError: The server refuses, with its message.
        """
        await sessions.create_database(self.dsn(sessions.MAINTENANCE_DATABASE), name)

    async def _start(self, programs_folder: Path, lock: int, tcp_port: int | None) -> Postmaster:
        account = await in_thread(lambda: choose_account(programs_folder / "postgres"))
        cluster = Cluster(folder=self._folder, programs=Programs(folder=programs_folder, account=account))
        await self._refuse_a_hidden_server()
        await cluster.initialise(lock)
        try:
            await cluster.start(tcp_port=tcp_port, patience_seconds=self._patience_seconds)
            postmaster = await self._settled()
        except asyncio.CancelledError:
            await self._stop()  # no watcher would ever stop it
            raise
        if not postmaster:
            raise DatabaseUnavailableError(
                f"The database server in {self._folder.root} ended right after its start."
            )
        return postmaster

    async def _settled(self) -> Postmaster | None:
        """Wait until the server either takes sessions or is gone."""
        await clear_remains(self._folder.cluster)
        passing = (ServerState.STARTING, ServerState.STOPPING)
        if not await self._wait(lambda found: not found or found.state not in passing):
            raise DatabaseUnavailableError(
                f"The database server in {self._folder.root} is still starting or stopping after "
                f"{self._patience_seconds:.0f} s.",
                hint="It may be recovering from a crash: wait, and try again.",
            )
        return find_postmaster(self._folder.cluster)

    async def _wait(self, condition: Callable[[Postmaster | None], bool]) -> bool:
        cluster = self._folder.cluster
        return await wait_until(
            lambda: condition(find_postmaster(cluster)), timeout_seconds=self._patience_seconds
        )

    async def _refuse_a_hidden_server(self) -> None:
        """See that the watcher has ended; one without a server here watches it from another container.

        Raises:
            DatabaseUnavailableError: The watcher does not end.
        """
        if not await wait_until(self._watch.is_over, timeout_seconds=_WATCHER_ENDS_SECONDS):
            raise DatabaseUnavailableError(
                f"The database in {self._folder.root} is run from another container or machine.",
                hint="Stop it there, or choose another --data-dir.",
            )

    async def _refuse_to_interrupt(self, postmaster: Postmaster) -> None:
        """See that nobody is connected; a server whose socket is lost cannot be asked, and serves nobody."""
        if not postmaster.socket.exists():
            return
        opened = await sessions.count_others(self.dsn(sessions.MAINTENANCE_DATABASE))
        if opened:
            raise UsageError(
                f"To open a TCP port the database server must start again, and {opened} sessions are open.",
                hint="Let them finish, or end them: cryoasync db down",
            )

    async def _stop(self) -> bool:
        await clear_remains(self._folder.cluster)
        postmaster = find_postmaster(self._folder.cluster)
        if postmaster:
            await self._end(postmaster)
            await clear_remains(self._folder.cluster)
        await self._refuse_a_hidden_server()
        return postmaster is not None

    async def _end(self, postmaster: Postmaster) -> None:
        with suppress(ProcessLookupError):
            os.kill(postmaster.pid, signal.SIGINT)
        if not await self._wait(lambda found: found is None):
            raise DatabaseUnavailableError(
                f"The database server in {self._folder.root} does not stop.",
                hint=f"Its process has the number {postmaster.pid}.",
            )


def _serves(postmaster: Postmaster, tcp_port: int | None) -> bool:
    return postmaster.socket.exists() and (
        tcp_port is None or (postmaster.listens_on_tcp and postmaster.port == tcp_port)
    )
