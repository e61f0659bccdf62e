"""The file of the response cache: made whole or not at all, and moved aside where it cannot be used.

It is an SQLite file. Renaming one while another process has it open would corrupt it (see "How To Corrupt An
SQLite Database File", section 4.2), so each process holds a shared lock on a file beside it, and a process
that would rename takes that lock alone.
"""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

SCHEMA_VERSION = 1

# "cryo", which file(1) and SQLite's own tools show; it tells a cache from another program's database.
_APPLICATION_ID = 0x6372796F

# Of SQLite's file format, section 1.3.
_MAGIC = b"SQLite format 3\x00"
_APPLICATION_ID_AT = slice(68, 72)

# Payloads stand apart, so that statistics, ageing and the marks of use read and write narrow rows alone. Of
# payloads of 1.5 kB, the usual size, a page of 8 kB holds five and one of 4 kB two.
_SCHEMA = f"""
PRAGMA page_size = 8192;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE scope (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    misses INTEGER NOT NULL DEFAULT 0,
    UNIQUE (origin, endpoint)
) STRICT;
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    scope_id INTEGER NOT NULL REFERENCES scope,
    source_id TEXT NOT NULL,
    fetched_at REAL NOT NULL,
    last_used_at REAL NOT NULL,
    size INTEGER NOT NULL,
    UNIQUE (scope_id, source_id)
) STRICT;
CREATE INDEX entry_last_used_at ON entry (last_used_at);
CREATE TABLE payload (
    entry_id INTEGER PRIMARY KEY REFERENCES entry ON DELETE CASCADE,
    payload BLOB NOT NULL
) STRICT;
"""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class UnusableFileError(OSError):
    """The file is no cache, or not ours to replace now."""


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error means that the file itself is no working cache (any more).

    SQLITE_ERROR is among the signs: the package's own statements fail so only where a table is gone.
    """
    # The low byte is the primary result code, the rest its refinement.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def looks_like_a_cache(path: Path) -> bool:
    """Tell by its first bytes whether a file is a cache, though perhaps a damaged one; raises OSError.

    To be called before this process has the file open: closing it gives up SQLite's locks.
    """
    with path.open("rb") as file:
        header = file.read(_APPLICATION_ID_AT.stop)
    return header.startswith(_MAGIC) and int.from_bytes(header[_APPLICATION_ID_AT]) == _APPLICATION_ID


class CacheFile:
    """A cache file in use by this process; see :func:`held_cache_file`."""

    def __init__(self, path: Path, lock: BinaryIO) -> None:
        """Take the file at ``path``, in use while ``lock`` is held in shared mode."""
        self.path = path
        self._lock = lock

    def make_usable(self) -> Path | None:
        """Make the file where there is none; replace it where it is damaged or has another schema version.

        Returns:
            Where the unusable file is now; ``None`` where there was none.

        Raises:
            UnusableFileError: It is no cache, so that it is left where it is, or another process uses it.
            OSError: The directory or the file cannot be written.
            sqlite3.Error: The file system refuses.
        """
        if not self.path.exists():
            self._create()
        elif self.path.stat().st_size > 0 and not looks_like_a_cache(self.path):
            raise UnusableFileError(f"{self.path} is no cache")
        return None if self._is_usable() else self.replace()

    def replace(self) -> Path:
        """Move the file aside, to the first free name of ``….corrupt-N``, and start a new one there.

        Raises:
            UnusableFileError: Another process uses the file.
            OSError: The directory cannot be written.
            sqlite3.Error: The file system refuses.
        """
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            raise UnusableFileError(f"{self.path} is unusable, and another process has it open") from error
        try:
            aside = next(path for n in count(1) if not (path := self._beside(f".corrupt-{n}")).exists())
            # The log goes first: a main file without its log is whole, a log beside a strange file is not.
            for suffix in ("-wal", "-shm", ""):
                if self._beside(suffix).exists():
                    self._beside(suffix).rename(f"{aside}{suffix}")
            self._create()
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        return aside

    def _is_usable(self) -> bool:
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return False
            raise
        return bool(tables) and version == SCHEMA_VERSION

    def _create(self) -> None:
        # Made elsewhere and linked, a file is never seen half made, and of two processes one is first.
        with tempfile.TemporaryDirectory(prefix=f"{self.path.name}.new-", dir=self.path.parent) as directory:
            new = Path(directory, self.path.name)
            with closing(sqlite3.connect(new)) as connection:
                connection.executescript(_SCHEMA)
            with suppress(FileExistsError):
                os.link(new, self.path)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


@contextmanager
def held_cache_file(path: Path) -> Iterator[CacheFile]:
    """Keep other processes from renaming the file at ``path``, which need not exist yet.

    Waits for a process that is just replacing the file, so call it off the event loop.

    Raises:
        OSError: The directory cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield CacheFile(path, lock)
