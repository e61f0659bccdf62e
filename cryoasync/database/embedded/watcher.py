"""Stops an embedded server that nobody uses: a small program that outlives the one that started it.

It runs as a file, without the package and its libraries, so that it stays small; hence only the standard
library. It ends with the server. Being killed costs nothing: the next command starts another one.

Use is a session that is open, a session that was opened since the last look, or a command of cryoasync
that made sure of the server (it touches the lock file).
"""

import argparse
import fcntl
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_LONGEST_PAUSE_SECONDS = 60.0
_LOOKS_PER_IDLE_TIME = 5

# The watcher's own sessions are of the replication kind, which PostgreSQL does not count in "sessions".
_QUESTION = """
SELECT (SELECT sum(sessions) FROM pg_stat_database),
       (SELECT count(*) FROM pg_stat_activity
        WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched, and how long it may be idle."""

    server: int
    lock: Path
    psql: Path
    socket_dir: Path
    port: int
    user: str
    idle_timeout_seconds: float

    def evidence_of_use(self) -> str:
        """Give a text that stays the same while nobody uses the server; empty if that cannot be known."""
        target = (
            f"host='{_quoted(str(self.socket_dir))}' port={self.port} user={self.user} dbname=postgres"
            " replication=database connect_timeout=10"
        )
        command = [str(self.psql), "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", target]
        found = subprocess.run(
            [*command, "--command", _QUESTION],
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


def watch(watched: Watch) -> None:
    """Wait for the end of the server, or bring it about after the idle time."""
    poller = select.poll()
    poller.register(watched.server, select.POLLIN)
    pause_seconds = min(_LONGEST_PAUSE_SECONDS, watched.idle_timeout_seconds / _LOOKS_PER_IDLE_TIME)
    last_use, evidence = time.monotonic(), ""
    while not poller.poll(pause_seconds * 1000):
        newest = watched.evidence_of_use()
        if not newest or newest != evidence:
            last_use, evidence = time.monotonic(), newest
        elif time.monotonic() - last_use >= watched.idle_timeout_seconds:
            _stop(watched, evidence, poller)


def _stop(watched: Watch, evidence: str, poller: select.poll) -> None:
    """Stop the server, unless it was used at the last moment; commands wait at the lock meanwhile."""
    with watched.lock.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if watched.evidence_of_use() == evidence:
            signal.pidfd_send_signal(watched.server, signal.SIGINT)
            poller.poll()


def main() -> None:
    """Leave the parent, then watch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pid", type=int, required=True)
    for name in ("--lock", "--psql", "--socket-dir"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--idle-timeout-seconds", type=float, required=True)
    arguments = parser.parse_args()
    try:
        server = os.pidfd_open(arguments.pid)
    except ProcessLookupError:
        return
    if os.fork():
        return
    os.setsid()
    watch(
        Watch(
            server=server,
            lock=arguments.lock,
            psql=arguments.psql,
            socket_dir=arguments.socket_dir,
            port=arguments.port,
            user=arguments.user,
            idle_timeout_seconds=arguments.idle_timeout_seconds,
        )
    )


if __name__ == "__main__":
    main()
