"""Where an embedded server keeps its files, and what it means when they cannot be written."""

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryoasync.errors import CryoasyncError, DatabaseError, UsageError

MAJOR_VERSION = 18
_SHORT_PARENTS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - only for mkdtemp, which makes a private folder
_REMOVALS_AT_ONCE = 16
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFolder:
    """The paths of one embedded server; nothing outside ``root`` and the socket folder belongs to it."""

    root: Path

    @classmethod
    def of(cls, data_dir: Path) -> "ServerFolder":
        """Give the server folder inside ``data_dir``, which may hold other things as well."""
        return cls(root=data_dir.expanduser().absolute() / "embedded-postgresql")

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory. It exists only when it was initialised completely."""
        return self.root / str(MAJOR_VERSION)

    @property
    def lock(self) -> Path:
        """Held while the server is started, stopped or removed; its time of change is the last use."""
        return self.root / "lock"

    @property
    def watcher_lock(self) -> Path:
        """Held by the watcher as long as it lives."""
        return self.root / "watcher.lock"

    @property
    def start_log(self) -> Path:
        """What the server printed before its own log was open."""
        return self.root / "start.log"

    @property
    def password(self) -> Path:
        """The random password of the server's user, needed over TCP only."""
        return self.cluster / "password"

    @property
    def run(self) -> Path:
        """The socket folder, or a link to it where the path is too long for a socket."""
        return self.root / "run"

    def socket_dir(self) -> Path:
        """Give the folder that holds the server's socket, links resolved."""
        return self.run.resolve()

    def exists(self) -> bool:
        """Say whether there is a server's folder here.

        Raises:
            UsageError: It belongs to somebody else.
        """
        with translated(self.root):
            try:
                owner = self.root.stat().st_uid
            except FileNotFoundError:
                return False
        if owner != os.geteuid():
            raise UsageError(
                f"The folder {self.root} belongs to another user (uid {owner}).",
                hint="Run as that user, or choose another folder with --data-dir.",
            )
        return True

    def create(self) -> None:
        """Make the folder, private to this user.

        Raises:
            UsageError: The folder cannot be made or written, or belongs to somebody else.
        """
        with translated(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.exists():
                self.root.chmod(0o700)

    def create_socket_dir(self) -> Path:
        """Make an empty private folder that can hold a socket, and give it; no server may run.

        The server folder serves where a socket can be made in it; else a folder with a random name is made in
        the system's temporary folder and linked from here. What a killed server left is removed: the lock
        file of its socket would keep a new one out as long as any process has the old number. The name stays
        from start to start, so that whoever waits for the server finds it again.
        """
        with translated(self.root):
            before = self.socket_dir() if self.run.is_symlink() else None
            self.discard_socket_dir()
            self.run.mkdir(mode=0o700)
            if not _takes_sockets(self.run):
                self.run.rmdir()
                self.run.symlink_to(_make_short_dir(before))
            return self.socket_dir()

    def remove(self) -> None:
        """Remove all of it, never leaving a half-removed folder in its place; nothing may run."""
        self.discard_socket_dir()
        doomed = tempfile.mkdtemp(prefix=self._doomed_prefix, dir=self.root.parent)
        self.root.rename(doomed)
        with suppress(FileNotFoundError):  # who starts anew at this moment clears it away as well
            _remove_tree(Path(doomed))

    def discard_leftovers(self) -> None:
        """Remove what an interrupted initialisation or removal left."""
        for leftover in (*self.root.glob("new-*"), *self.root.parent.glob(f"{self._doomed_prefix}*")):
            shutil.rmtree(leftover, ignore_errors=True)

    @property
    def _doomed_prefix(self) -> str:
        return f"{self.root.name}.removed-"

    def discard_socket_dir(self) -> None:
        """Remove the socket folder; no server may run."""
        if not self.run.is_symlink():
            shutil.rmtree(self.run, ignore_errors=True)
            return
        target = self.socket_dir()
        if _is_private(target):  # else the temporary folder was cleared, and its name may be another's by now
            shutil.rmtree(target)
        self.run.unlink()


def _remove_tree(folder: Path) -> None:
    """Remove a folder of many files. Where the disk lets each removal wait, they wait together."""
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    with ThreadPoolExecutor(_REMOVALS_AT_ONCE) as threads:
        for _ in threads.map(lambda path: path.unlink(missing_ok=True), files):
            pass
    shutil.rmtree(folder)


def _is_private(folder: Path) -> bool:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return False
    return found.st_uid == os.geteuid() and found.st_mode & 0o777 == 0o700


def _takes_sockets(folder: Path) -> bool:
    """Say whether a socket here can be reached: a path may be too long, a file system may have none."""
    if "," in str(folder):  # it separates folders for PostgreSQL, and hosts for its clients
        return False
    probe = folder / f".s.PGSQL.{'0' * 5}"
    probe.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(probe))
        except OSError:
            return False
    probe.unlink()
    return True


def _make_short_dir(before: Path | None) -> Path:
    if before is not None:
        with suppress(OSError):
            before.mkdir(mode=0o700)
            return before
    for parent in (tempfile.gettempdir(), *_SHORT_PARENTS):
        try:
            folder = Path(tempfile.mkdtemp(prefix="cryoasync-", dir=parent))
        except OSError:
            continue
        if _takes_sockets(folder):
            return folder
        folder.rmdir()
    raise UsageError(
        "No folder was found in which the database server can make its socket.",
        hint="Make /tmp writable, or choose a shorter --data-dir.",
    )


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error that names ``folder`` and says what to do."""
    try:
        yield
    except OSError as error:
        raise _translate(error, folder) from error


def _translate(error: OSError, folder: Path) -> CryoasyncError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DatabaseError(
            f"No room for the database in {folder}: {reason}.", hint="Free some space there."
        )
    return UsageError(
        f"The database folder {folder} cannot be used: {reason}.",
        hint="Choose a writable folder with --data-dir, or a server of your own with --dsn.",
    )
