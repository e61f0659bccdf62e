"""What a server that was killed leaves behind: its processes, and its lock file."""

import signal
from contextlib import suppress
from pathlib import Path

import psutil

from cryoasync.database.embedded.postmaster import find_postmaster, find_workers, remove_stale_pid_file
from cryoasync.database.embedded.waiting import wait_until
from cryoasync.errors import DatabaseUnavailableError

# Most processes end at once when their server is killed; one that computes does not notice.
_END_BY_THEMSELVES_SECONDS = 5.0
_END_WHEN_TOLD_SECONDS = 30.0


async def clear_remains(cluster: Path) -> None:
    """See that processes of a killed server of ``cluster`` have gone, then remove its lock file.

    A server that has just been started has processes before it has its lock file: that is waited for too.

    Raises:
        DatabaseUnavailableError: One of them does not end.
    """
    for patience_seconds in (_END_BY_THEMSELVES_SECONDS, _END_WHEN_TOLD_SECONDS):
        if await wait_until(lambda: _is_clear(cluster), timeout_seconds=patience_seconds):
            break
        for process in find_workers(cluster):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)
    if not _is_clear(cluster):
        raise DatabaseUnavailableError(
            f"Processes of a server that was killed still work in {cluster}.",
            hint="End those postgres processes, and try again.",
        )
    if not find_postmaster(cluster):
        remove_stale_pid_file(cluster)


def _is_clear(cluster: Path) -> bool:
    return bool(find_postmaster(cluster)) or not find_workers(cluster)
