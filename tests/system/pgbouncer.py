"""PgBouncer in front of a server, as a test wants it."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg

from tests.ports import free_port

PROGRAM = "/usr/sbin/pgbouncer"
_USER = "nobody"
_PATIENCE_SECONDS = 20.0


@dataclass(kw_only=True)
class PgBouncer:
    """A pooler that lends its connections for a ``mode``, transaction or session."""

    folder: Path
    mode: str
    upstream: str
    port: int = field(default_factory=free_port)
    settings: Sequence[str] = ()
    _process: "subprocess.Popen[bytes] | None" = None

    def dsn(self, database: str) -> str:
        """Return the DSN of a database behind the pooler."""
        return f"postgresql://somebody@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        """Start it, and return when it takes connections."""
        # Short, and not one of the event loop's.
        self._process = subprocess.Popen(  # noqa: ASYNC220 - see above
            [*as_nobody(), PROGRAM, "-q", str(self._written_settings())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            start_new_session=True,
        )
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await self._answers():
                assert self._process.poll() is None, "PgBouncer ended"

    def stop(self) -> None:
        """End it without a word to anybody."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn("postgres"), statement_cache_size=0)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
            return False
        connection.terminate()
        return True

    def _written_settings(self) -> Path:
        server = urlsplit(self.upstream)
        upstream = (
            f"host={server.hostname} port={server.port} user={server.username} password={server.password}"
        )
        path = self.folder / "pgbouncer.ini"
        lines = [
            "[databases]",
            f"* = {upstream}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = any",
            f"pool_mode = {self.mode}",
            *self.settings,
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path


def as_nobody() -> list[str]:
    """Return the words before a command that must not run as root."""
    # PgBouncer refuses to run as root.
    if os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={_USER}", "--regid=nogroup", "--clear-groups", "--"]


@asynccontextmanager
async def running_pgbouncer(
    mode: str, upstream: str, *settings: str, port: int | None = None, beside: Path | None = None
) -> AsyncIterator[PgBouncer]:
    """Yield a pooler in front of the server of a DSN, with the files of a folder ``beside`` its settings."""
    # Not pytest's folder, which is for its user alone, and PgBouncer becomes another one.
    with TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        for path in beside.iterdir() if beside is not None else ():
            shutil.copyfile(path, Path(folder) / path.name)
        pooler = PgBouncer(
            folder=Path(folder), mode=mode, upstream=upstream, settings=settings, port=port or free_port()
        )
        try:
            await pooler.start()
            yield pooler
        finally:
            pooler.stop()
