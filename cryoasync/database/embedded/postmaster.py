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


def find_postmaster(cluster: Path) -> Postmaster | None:
    """Find the living server of the data directory ``cluster``.

    A lock file left by a server that was killed names a process number that may belong to any program by now:
    only a ``postgres`` that works in this very directory counts.
    """
    try:
        lines = (cluster / _PID_FILE).read_text("utf-8", "replace").splitlines()
        pid = abs(int(lines[0]))
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    if not _works_in(pid, cluster):
        return None
    return _parse(pid, lines)


def find_workers(cluster: Path) -> list[psutil.Process]:
    """List every ``postgres`` process that works in ``cluster``, also those that outlived their server."""
    if not cluster.is_dir():
        return []
    return [
        process
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres" and _works_in(process.pid, cluster)
    ]


def remove_stale_pid_file(cluster: Path) -> None:
    """Remove a lock file whose server is gone; PostgreSQL would wait for a stranger."""
    (cluster / _PID_FILE).unlink(missing_ok=True)


def _works_in(pid: int, cluster: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and Path(process.cwd()).samefile(cluster)
    except (psutil.Error, OSError):
        return False


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
