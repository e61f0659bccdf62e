"""Where an export goes: a file that appears whole or not at all, or standard output."""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from cryoasync.errors import CryoasyncError, UsageError

_HINTS = {
    errno.ENOSPC: "Free disk space, or write elsewhere.",
    errno.EDQUOT: "Free disk space, or write elsewhere.",
    errno.ENOENT: "The directory must be there.",
}


class OutputError(UsageError):
    """The output cannot be written."""

    kind = "output"


class ReaderGoneError(CryoasyncError):
    """The reader of the output has gone."""

    kind = "reader_gone"


class Output:
    """An open file or pipe that counts its bytes, and whose errors are ours, never an OSError.

    Once a write has failed, further ones are dropped, so that a compressor or the like on top can be closed.
    """

    closed = False
    """What pyarrow asks of a file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Write to ``file``; ``name`` is what it is called in messages."""
        self._file = file
        self._name = name
        self._failed = False
        self.bytes = 0

    def write(self, data: bytes) -> int:
        """Write all of ``data``.

        Raises:
            OutputError: it cannot be written.
            ReaderGoneError: nobody reads it any more.
        """
        rest = memoryview(b"" if self._failed else data)
        try:
            # A file without a buffer takes as much as there is room for.
            while rest:
                written = self._file.write(rest)
                self.bytes += written
                rest = rest[written:]
        except OSError as error:
            self._failed = True
            raise _our_error(error, self._name) from error
        return len(data)

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.bytes

    def flush(self) -> None:
        """Hand everything on; errors are those of :meth:`write`."""
        with _our_errors(self._name):
            self._file.flush()


@contextmanager
def opened_output(path: Path | None) -> Iterator[Output]:
    """Open a file, or standard output where there is none.

    A file is written under another name beside its place, and put there where the block ends well; else
    there is no trace of it. Devices and pipes are written as they are.

    Raises:
        OutputError: it cannot be opened or written.
        ReaderGoneError: nobody reads it any more.
    """
    with _opened(path) as output:
        yield output


def _opened(path: Path | None) -> AbstractContextManager[Output]:
    if path is None:
        return _standard_output()
    with _our_errors(str(path)):
        is_special = path.exists() and not path.is_file()
    return _as_it_is(path) if is_special else _appearing_whole(path)


@contextmanager
def _standard_output() -> Iterator[Output]:
    try:
        output = Output(sys.stdout.buffer, "Standard output")
        yield output
        output.flush()
    except (OutputError, ReaderGoneError):
        # Python flushes stdout once more at its exit, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


@contextmanager
def _as_it_is(path: Path) -> Iterator[Output]:
    with _our_errors(str(path)):
        file = path.open("wb", buffering=0)
    with file:
        yield Output(file, str(path))


@contextmanager
def _appearing_whole(path: Path) -> Iterator[Output]:
    name = str(path)
    with _our_errors(name):
        # Where a link leads to, so that the link stays.
        target = Path(os.path.realpath(path))
        part = target.with_name(f".cryoasync-{secrets.token_hex(4)}.part")
        # Without a buffer, whose rest would be written when the file is closed, outside of our reach.
        file = part.open("xb", buffering=0)
    try:
        with file:
            yield Output(file, name)
            with _our_errors(name):
                if target.exists():
                    os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
                os.fsync(file.fileno())
        with _our_errors(name):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _our_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _our_error(error, name) from error


def _our_error(error: OSError, name: str) -> CryoasyncError:
    if isinstance(error, BrokenPipeError):
        return ReaderGoneError()
    hint = _HINTS.get(error.errno or 0, "Name another file with -o.")
    return OutputError(f"{name} cannot be written: {error.strerror or error}.", hint=hint)
