"""Making and starting a data directory of PostgreSQL (which its manual calls a database cluster)."""

import os
import secrets
import shlex
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryoasync.database.embedded.folder import ServerFolder, translated
from cryoasync.database.embedded.postmaster import find_postmaster, find_workers, remove_stale_pid_file
from cryoasync.database.embedded.programs import Programs
from cryoasync.database.embedded.waiting import wait_until
from cryoasync.errors import DatabaseError, DatabaseUnavailableError, UsageError

SUPERUSER = "cryoasync"
DEFAULT_PORT = 5432
_ORPHANS_END_SECONDS = 5.0
_ORPHANS_KILLED_SECONDS = 30.0
_LOG_LINES = 12

# Written once, into postgresql.conf: from then on they are the user's to change. Durability is never traded.
_SETTINGS = {
    "cluster_name": "cryoasync",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "%a.log",  # a file a weekday, overwritten a week later
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_min_error_statement": "panic",  # statements carry data, and belong to whoever sent them
    "log_checkpoints": "off",
}

_HOST_BASED_AUTHENTICATION = f"""\
# The owner comes in by the socket, known to the kernel; everybody else needs a password.
local  all  {SUPERUSER}  peer  map=owner
local  all  all          scram-sha-256
host   all  all          127.0.0.1/32  scram-sha-256
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A data directory, and the programs that work on it. The caller holds the server's lock."""

    folder: ServerFolder
    programs: Programs

    async def initialise(self, lock: int) -> None:
        """Make the data directory beside its place and rename it, so that it is whole or absent.

        ``lock`` is inherited by the program: should this process be killed, whoever comes next waits for the
        program to end before it clears away what was left.

        Raises:
            DatabaseError: The program failed; the message is its own.
        """
        with translated(self.folder.root):
            self.folder.discard_leftovers()
            if self.folder.cluster.is_dir():
                return
            staging = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder.root))
            password = staging / "password"
            _write_private(password, secrets.token_urlsafe(24))
        fresh = staging / self.folder.cluster.name
        code, output = await self.programs.run(
            "initdb", _initdb_arguments(fresh, password), keep_open=(lock,)
        )
        with translated(self.folder.root):
            if code != 0:
                shutil.rmtree(staging)
                raise DatabaseError(
                    f"The database could not be created in {self.folder.root}: {_tail(output)}"
                )
            (fresh / "pg_hba.conf").write_text(_HOST_BASED_AUTHENTICATION, "utf-8")
            password.rename(fresh / self.folder.password.name)
            fresh.rename(self.folder.cluster)
            staging.rmdir()
            _sync_folder(self.folder.root)

    async def start(self, *, tcp_port: int | None, patience_seconds: float) -> None:
        """Start the server and wait, through a recovery too, until it is ready or the patience ends.

        Raises:
            DatabaseError: The server ended; the message is from its log.
            UsageError: The TCP port is taken.
        """
        await self._clear_remains()
        with translated(self.folder.root):
            self._give_to_account()
            socket_dir = self.folder.create_socket_dir()
            self.folder.start_log.unlink(missing_ok=True)
        arguments = [
            *("start", "--wait", f"--timeout={max(1, int(patience_seconds))}", "--silent"),
            *("--pgdata", str(self.folder.cluster), "--log", str(self.folder.start_log)),
            *("--options", _server_options(socket_dir, tcp_port)),
        ]
        code, output = await self.programs.run("pg_ctl", arguments)
        if code != 0 and not find_postmaster(self.folder.cluster):
            raise self._start_error(output, tcp_port)

    async def _clear_remains(self) -> None:
        """See that processes of a killed server have gone, then remove its lock file.

        Raises:
            DatabaseUnavailableError: One of them does not end.
        """
        cluster = self.folder.cluster
        for patience_seconds in (_ORPHANS_END_SECONDS, _ORPHANS_KILLED_SECONDS):
            if await wait_until(lambda: _is_free(cluster), timeout_seconds=patience_seconds):
                break
            for process in find_workers(cluster):
                process.send_signal(signal.SIGQUIT)
        if find_postmaster(cluster):
            return
        if find_workers(cluster):
            raise DatabaseUnavailableError(
                f"Processes of a server that was killed still work in {cluster}.",
                hint="End those postgres processes, and try again.",
            )
        remove_stale_pid_file(cluster)

    def _give_to_account(self) -> None:
        """Let the account own the data directory, and let it know its client."""
        cluster, account = self.folder.cluster, self.programs.account
        _write_private(cluster / "pg_ident.conf", f'owner "{account.client}" {SUPERUSER}\n')
        if cluster.stat().st_uid != account.uid:
            for parent, folders, files in os.walk(cluster):
                for name in (".", *folders, *files):
                    os.chown(Path(parent, name), account.uid, -1, follow_symlinks=False)

    def _start_error(self, output: str, tcp_port: int | None) -> DatabaseError | UsageError:
        logs = sorted((self.folder.cluster / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)[-1:]
        texts = [
            path.read_text("utf-8", "replace") for path in (self.folder.start_log, *logs) if path.exists()
        ]
        told = "\n".join(texts) or output
        if tcp_port is not None and "Address already in use" in _tail(told):
            return UsageError(f"Port {tcp_port} is used by another program.", hint="Choose another port.")
        return DatabaseError(f"The database in {self.folder.root} does not start: {_tail(told)}")


def _is_free(cluster: Path) -> bool:
    return bool(find_postmaster(cluster)) or not find_workers(cluster)


def _initdb_arguments(fresh: Path, password: Path) -> list[str]:
    settings = [f"--set={name}={value}" for name, value in _SETTINGS.items()]
    return [
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        *("--auth-local=peer", "--auth-host=scram-sha-256", "--data-checksums"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *settings,
    ]


def _server_options(socket_dir: Path, tcp_port: int | None) -> str:
    """Give the settings of one start, quoted for the shell that pg_ctl uses."""
    settings = {
        "listen_addresses": "" if tcp_port is None else "127.0.0.1",
        "port": str(tcp_port or DEFAULT_PORT),
        "unix_socket_directories": '"' + str(socket_dir).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
    }
    return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LOG_LINES:])


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
