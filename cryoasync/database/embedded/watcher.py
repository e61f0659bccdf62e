"""Stops an embedded server that nobody uses: a small program that outlives the one that started it.

It runs as a file, without the package and its libraries, so that it stays small; hence only the standard
library. It ends with the server. Being killed costs nothing: the next command starts another one.

Use is a session that is open, a session that was opened since the last question, or a command of cryoasync
that made sure of the server (it touches the lock file).
"""

import argparse
import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_LOOK_EVERY_SECONDS = 0.25
_ASK_EVERY_SECONDS = 60.0
_QUESTIONS_PER_IDLE_TIME = 5

# The watcher's own sessions are of the replication kind, which PostgreSQL does not count in "sessions".
_QUESTION = """
SELECT (SELECT sum(sessions) FROM pg_stat_database),
       (SELECT count(*) FROM pg_stat_activity
        WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server that is watched, and how it is asked."""

    pid: int
    mark: str
    lock: Path
    psql: Path
    socket_dir: Path
    port: int
    user: str

    def is_alive(self) -> bool:
        """Say whether the process with the server's number is still the server."""
        try:
            return f"cluster_name={self.mark}".encode() in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for the server to end. Looking is what every kernel and interpreter can do."""
        give_up = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() >= give_up:
                return False
            time.sleep(_LOOK_EVERY_SECONDS)
        return True

    def evidence_of_use(self) -> str:
        """Give a text that stays the same while nobody uses the server; empty if that cannot be known."""
        target = (
            f"host='{_quoted(str(self.socket_dir))}' port={self.port} user={self.user} dbname=postgres"
            " replication=database connect_timeout=10"
        )
        options = ("--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--command", _QUESTION)
        found = subprocess.run(
            (str(self.psql), *options, target),
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        answer = found.stdout.strip()
        if found.returncode != 0 or not answer.endswith("|0"):
            return ""
        return f"{answer} {self.lock.stat().st_mtime_ns}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def watch(server: Server, *, idle_timeout_seconds: float) -> None:
    """Wait for the end of the server, or bring it about after the idle time."""
    pause_seconds = min(_ASK_EVERY_SECONDS, idle_timeout_seconds / _QUESTIONS_PER_IDLE_TIME)
    last_use, evidence = time.monotonic(), ""
    while not server.has_ended_within(pause_seconds):
        newest = server.evidence_of_use()
        if not newest or newest != evidence:
            last_use, evidence = time.monotonic(), newest
        elif time.monotonic() - last_use >= idle_timeout_seconds:
            _stop(server, evidence)


def _stop(server: Server, evidence: str) -> None:
    """Stop the server, unless it was used at the last moment; commands wait at the lock meanwhile."""
    with server.lock.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if server.evidence_of_use() == evidence and server.is_alive():
            os.kill(server.pid, signal.SIGINT)
            while not server.has_ended_within(_ASK_EVERY_SECONDS):
                pass


def main() -> None:
    """Leave the parent, then watch."""
    parser = argparse.ArgumentParser()
    for name, kind in (
        *(("--pid", int), ("--mark", str), ("--lock", Path), ("--psql", Path)),
        *(("--socket-dir", Path), ("--port", int), ("--user", str), ("--idle-timeout-seconds", float)),
    ):
        parser.add_argument(name, type=kind, required=True)
    arguments = vars(parser.parse_args())
    idle_timeout_seconds = arguments.pop("idle_timeout_seconds")
    if os.fork():
        return
    os.setsid()
    server = Server(**arguments)
    try:
        watch(server, idle_timeout_seconds=idle_timeout_seconds)
    except FileNotFoundError:
        # The programs were uninstalled or the folder was removed: who is connected may finish.
        if server.is_alive():
            os.kill(server.pid, signal.SIGTERM)


if __name__ == "__main__":
    main()
