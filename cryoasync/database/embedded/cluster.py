"""Making and starting a data directory of PostgreSQL (which its manual calls a database cluster)."""

import os
import re
import secrets
import shlex
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryoasync.database.embedded.folder import ServerFolder, translated
from cryoasync.database.embedded.postmaster import find_postmaster, mark_of
from cryoasync.database.embedded.programs import Programs
from cryoasync.database.embedded.remains import clear_remains
from cryoasync.database.embedded.waiting import in_thread
from cryoasync.errors import DatabaseError, UsageError

SUPERUSER = "cryoasync"
DEFAULT_PORT = 5432
_TOLD_LINES = 8
_TELLING = re.compile(r"error:|ERROR:|FATAL:|PANIC:|HINT:|DETAIL:|could not|invalid|unrecognized")
_HANDED_OVER = "Future log output will appear"
_STARTING = "starting PostgreSQL"

# Written once, into postgresql.conf: from then on they are the user's to change. Durability is never traded. The log is
# not compressed: hashes and UUIDs hardly shrink, and right after a checkpoint a batch took three times as long.
_SETTINGS = {
    "shared_buffers": "256MB",  # the random indexes of a million molecules, which every batch goes through
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
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
            await in_thread(self.folder.discard_leftovers)
            if self.folder.cluster.is_dir():
                return
            staging = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder.root))
            password = staging / "password"
            _write_durably(password, secrets.token_urlsafe(24))
        fresh = staging / self.folder.cluster.name
        code, output = await self.programs.run(
            "initdb", _initdb_arguments(fresh, password), cwd=self.folder.root, keep_open=(lock,)
        )
        with translated(self.folder.root):
            if code != 0:
                shutil.rmtree(staging)
                raise DatabaseError(
                    f"The database could not be created in {self.folder.root}: {_gist(output)}"
                )
            _write_durably(fresh / "pg_hba.conf", _HOST_BASED_AUTHENTICATION)
            password.rename(fresh / self.folder.password.name)
            _sync(fresh)
            fresh.rename(self.folder.cluster)
            staging.rmdir()
            _sync(self.folder.root)

    async def start(self, *, tcp_port: int | None, patience_seconds: float) -> None:
        """Start the server and wait, through a recovery too, until it is ready or the patience ends.

        Raises:
            DatabaseError: The server ended; the message is from its log.
        """
        await clear_remains(self.folder.cluster)
        with translated(self.folder.root):
            self._give_to_account()
            socket_dir = self.folder.create_socket_dir()
            self.folder.start_log.unlink(missing_ok=True)
        # Seen from the folder: pg_ctl gives the names to a shell, which whole paths could mislead.
        arguments = [
            *("start", "--wait", f"--timeout={max(1, int(patience_seconds))}", "--silent"),
            *("--pgdata", self.folder.cluster.name, "--log", self.folder.start_log.name),
            *("--options", _server_options(mark_of(self.folder.cluster), socket_dir, tcp_port)),
        ]
        code, output = await self.programs.run("pg_ctl", arguments, cwd=self.folder.root)
        if code != 0 and not find_postmaster(self.folder.cluster):
            told = self._read_logs() or output
            raise DatabaseError(f"The database in {self.folder.root} does not start: {_gist(told)}")

    def _give_to_account(self) -> None:
        """Let the account own the data directory, and let it know its client."""
        cluster, account = self.folder.cluster, self.programs.account
        _write_durably(cluster / "pg_ident.conf", f'owner "{account.client}" {SUPERUSER}\n')
        if cluster.stat().st_uid != account.uid:
            for parent, folders, files in os.walk(cluster):
                for name in (".", *folders, *files):
                    os.chown(Path(parent, name), account.uid, -1, follow_symlinks=False)

    def _read_logs(self) -> str:
        """Give what this start wrote: to the start log first, then to the newest file of the server's own."""
        log = self.folder.start_log
        started = log.read_text("utf-8", "replace") if log.exists() else ""
        logs = sorted((self.folder.cluster / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        if _HANDED_OVER in started and logs:
            return logs[-1].read_text("utf-8", "replace").rpartition(_STARTING)[2]
        return started


def refuse_a_taken_port(port: int | None) -> None:
    """See that the server will be able to listen, before anything is stopped for it.

    Raises:
        UsageError: Another program has the port, or this user may not have it.
    """
    if port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"Port {port} cannot be opened: {error}.", hint="Choose another port."
            ) from error


def _initdb_arguments(fresh: Path, password: Path) -> list[str]:
    settings = [f"--set={name}={value}" for name, value in _SETTINGS.items()]
    return [
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        *("--auth-local=peer", "--auth-host=scram-sha-256", "--data-checksums"),
        "--sync-method=syncfs",  # one flush for a thousand small files: seconds less on a busy disk
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *settings,
    ]


def _server_options(mark: str, socket_dir: Path, tcp_port: int | None) -> str:
    """Give the settings of one start, quoted for the shell that pg_ctl uses."""
    settings = {
        "cluster_name": mark,
        "listen_addresses": "" if tcp_port is None else "127.0.0.1",
        "port": str(tcp_port or DEFAULT_PORT),
        "unix_socket_directories": '"' + str(socket_dir).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
    }
    return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())


def _gist(text: str) -> str:
    """Pick the lines that tell what went wrong, or the last ones where none does."""
    lines = text.strip().splitlines()
    telling = [line for line in lines if _TELLING.search(line)]
    return "\n".join((telling or lines)[-_TOLD_LINES:])


def _write_durably(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and see it onto the disk."""
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
