"""A small disk of one's own: a file system in memory that only processes inside its namespace see."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted && exec cat'
_BLOCK = bytes(64 * 1024)


class NoDiskError(Exception):
    """This system lets nobody mount a disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A mounted disk.

    Attributes:
        path: where it is for processes inside the namespace.
        prefix: what starts a command inside.
        from_outside: where this process finds it.
    """

    path: Path
    prefix: tuple[str, ...]
    from_outside: Path

    @property
    def _filler(self) -> Path:
        return self.from_outside / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as filler:
            try:
                while filler.write(_BLOCK):
                    pass
            except OSError:
                return

    def free(self) -> None:
        """Give back the room that was filled."""
        self._filler.unlink()


@contextmanager
def mounted_disk(path: Path, options: str) -> Iterator[Disk]:
    """Mount a disk at ``path``, with mount's ``options``.

    Raises:
        NoDiskError: the system does not permit that.
    """
    missing = [program for program in ("unshare", "nsenter") if not shutil.which(program)]
    if missing:
        raise NoDiskError(f"without {' and '.join(missing)}")
    path.mkdir()
    command = [*_NAMESPACE, "sh", "-c", _MOUNT, "sh", options, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if not holder.stdout.readline():
            raise NoDiskError(holder.stderr.read().decode())
        enter = ("nsenter", f"--target={holder.pid}", "--user", "--mount", "--preserve-credentials", "--")
        yield Disk(path=path, prefix=enter, from_outside=Path(f"/proc/{holder.pid}/root{path}"))
