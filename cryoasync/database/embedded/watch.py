"""Starting the watcher of an embedded server, and knowing whether one lives."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cryoasync.database.embedded import watcher
from cryoasync.database.embedded.cluster import SUPERUSER
from cryoasync.database.embedded.folder import ServerFolder
from cryoasync.database.embedded.postmaster import Postmaster, mark_of
from cryoasync.database.embedded.programs import ENVIRONMENT
from cryoasync.database.embedded.waiting import in_thread, try_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The one watcher of a server; it holds the watcher's lock as long as it lives."""

    folder: ServerFolder
    idle_timeout_seconds: float

    def is_over(self) -> bool:
        """Say whether no watcher lives."""
        descriptors = try_lock(self.folder.watcher_lock)
        for descriptor in descriptors:
            os.close(descriptor)
        return bool(descriptors)

    async def ensure(self, postmaster: Postmaster, *, psql: Path) -> None:
        """Start the watcher unless one lives. It inherits its lock, so there is never a second."""
        for lock in try_lock(self.folder.watcher_lock):
            try:
                process = self._launch(postmaster, psql, lock)
            finally:
                os.close(lock)
            await in_thread(process.wait)  # it leaves a child of its own behind and ends

    def _launch(self, postmaster: Postmaster, psql: Path, lock: int) -> subprocess.Popen[bytes]:
        command = (
            *(sys.executable, "-I", "-S", watcher.__file__),
            f"--pid={postmaster.pid}",
            f"--mark={mark_of(self.folder.cluster)}",
            f"--lock={self.folder.lock}",
            f"--psql={psql}",
            f"--socket-dir={postmaster.socket_dir}",
            f"--port={postmaster.port}",
            f"--user={SUPERUSER}",
            f"--idle-timeout-seconds={self.idle_timeout_seconds}",
        )
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            pass_fds=(lock,),
        )
