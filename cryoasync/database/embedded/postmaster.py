"""Which server process, if any, works on a data directory."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import psutil

_PID_FILE = "postmaster.pid"


class ServerState(StrEnum):
    """What a server does at the moment."""

    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A living server process, as its own lock file describes it."""

    pid: int
    state: ServerState
    since: datetime
    port: int
    socket_dir: Path
    listens_on_tcp: bool

    @property
    def socket(self) -> Path:
        """The socket file at which clients of the same user arrive."""
        return self.socket_dir / f".s.PGSQL.{self.port}"


def mark_of(cluster: Path) -> str:
    """Give the name by which all processes of the server of ``cluster`` are known, to anybody who lists them.

    It stands for the folder itself and not for its path, and is what PostgreSQL calls the cluster's name.
    """
    found = cluster.stat()
    return f"cryoasync-{found.st_dev:x}-{found.st_ino:x}"


def find_postmaster(cluster: Path) -> Postmaster | None:
    """Find the living server of the data directory ``cluster``.

    A lock file left by a server that was killed names a process number that may belong to any program by now:
    only a ``postgres`` that carries this folder's mark counts.
    """
    lines = _read_lines(cluster / _PID_FILE)
    pid = _pid_in(lines)
    return _parse(pid, lines) if pid > 0 and _carries(pid, mark_of(cluster)) else None


def find_workers(cluster: Path) -> list[psutil.Process]:
    """List every process of the server of ``cluster``, also those that outlived it."""
    if not cluster.is_dir():
        return []
    mark = mark_of(cluster)
    return [process for process in psutil.process_iter() if _carries(process.pid, mark)]


def remove_stale_pid_file(cluster: Path) -> None:
    """Remove the lock file of a dead server whose number a stranger has by now, which keeps a new one out.

    In every other case it stays, since PostgreSQL finds out by it whether the old server's memory is in use.
    """
    pid_file = cluster / _PID_FILE
    if pid_file.exists() and _names_a_stranger(_read_lines(pid_file), cluster):
        pid_file.unlink(missing_ok=True)


def _read_lines(pid_file: Path) -> list[str]:
    try:
        return pid_file.read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _pid_in(lines: list[str]) -> int:
    """Give the server's number, negative for a single-user one, or 0 where a crash left none in the file."""
    try:
        return int(lines[0])
    except (IndexError, ValueError):
        return 0


def _names_a_stranger(lines: list[str], cluster: Path) -> bool:
    pid = abs(_pid_in(lines))
    try:
        process = psutil.Process(pid) if pid else None
        if process is None or process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return True
        return not Path(process.cwd()).samefile(cluster)
    except (psutil.Error, OSError):
        return False


def _carries(pid: int, mark: str) -> bool:
    """Look for the mark where every user can read it: in the command line, or the title in its place."""
    try:
        process = psutil.Process(pid)
        words = process.cmdline() if process.name() == "postgres" else []
    except psutil.Error:
        return False
    return f"cluster_name={mark}" in words or any(word.startswith(f"postgres: {mark}: ") for word in words)


def _parse(pid: int, lines: list[str]) -> Postmaster:
    """Read the lock file's lines: pid, directory, start, port, socket folder, address, memory key, status."""
    fields = [*lines, *[""] * (8 - len(lines))]
    states = {"ready": ServerState.RUNNING, "stopping": ServerState.STOPPING}
    return Postmaster(
        pid=pid,
        state=states.get(fields[7].strip(), ServerState.STARTING),
        since=datetime.fromtimestamp(int(fields[2] or 0), UTC),
        port=int(fields[3] or 0),
        socket_dir=Path(fields[4]),
        listens_on_tcp=bool(fields[5]),
    )
