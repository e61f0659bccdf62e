"""A PostgreSQL server of a test's own, of any version, to be ill-treated."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from cryoasync.database.embedded.account import Account, choose_account
from cryoasync.database.embedded.programs import ENVIRONMENT, find_programs
from tests.ports import free_port

OWNER = "owner"
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "16MB"}


@dataclass(kw_only=True)
class Server:
    """A server that trusts everybody on the loopback interface; durable as any other."""

    folder: Path
    programs: Path
    account: Account
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def dsn(self, database: str = "postgres", *, port: int | None = None, user: str = OWNER) -> str:
        """Return the DSN of a database, perhaps by the port of something in between."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    async def initialise(self) -> None:
        """Make the data directory."""
        await self._run("initdb", "--auth=trust", f"--username={OWNER}", "--no-sync", "--encoding=UTF8")
        settings = {**_SETTINGS, **self.settings, "port": str(self.port)}
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    async def start(self) -> None:
        """Start it, and return when it takes connections."""
        await self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}")

    async def stop(self, mode: str = "immediate") -> None:
        """Stop it: ``fast`` ends the sessions and says so, ``immediate`` does as a crash."""
        await self._run("pg_ctl", "stop", f"--mode={mode}", "--wait", "--silent")

    def kill_backend(self, pid: int) -> None:
        """Kill one of its processes, which makes it end all sessions and recover."""
        os.kill(pid, signal.SIGKILL)

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Execute a statement as its owner."""
        connection = await asyncpg.connect(self.dsn(database))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _run(self, program: str, *arguments: str) -> None:
        # Set for the program alone: what comes before it runs as another user.
        variables = ["env", *(f"{name}={value}" for name, value in self.environment.items())]
        command = [
            *self.account.prefix,
            *variables,
            str(self.programs / program),
            f"--pgdata={self.data}",
            *arguments,
        ]
        ended = await asyncio.to_thread(
            subprocess.run,
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd=self.folder,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr.decode()


@asynccontextmanager
async def running_server(
    programs: Path | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """Yield a server with settings, in a folder of its own; it is gone in the end."""
    programs = programs or find_programs()
    account = choose_account(programs / "postgres")
    # Not pytest's folder, which is for its user alone: root's server may run as another one.
    folder = Path(mkdtemp(prefix="postgresql-"))
    if account.uid != os.geteuid():
        shutil.chown(folder, account.uid)
    server = Server(
        folder=folder,
        programs=programs,
        account=account,
        settings=settings or {},
        environment=environment or {},
    )
    try:
        await server.initialise()
        await server.start()
        yield server
    finally:
        if (server.data / "postmaster.pid").exists():
            await server.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
