"""Lines of text from files as users have them: plain or gzip, in UTF-8 or Latin-1, with a byte order mark."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryoasync.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"
_SNIFFED_BYTES = 4096
_BLOCK_BYTES = 256 * 1024
# A file without line ends would otherwise be read whole into memory.
_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_READ_ERRORS = (OSError, EOFError, zlib.error)


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a text file for reading line by line, in memory that does not grow with the file.

    See ``read_lines`` for how the content is taken.

    Raises:
        InputError: The file is missing, not readable, a directory, or binary.
    """
    with open_bytes(path) as stream:
        yield read_lines(stream, str(path))


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading as it stands.

    Raises:
        InputError: The file is missing, not readable, or a directory.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist.", hint="Check the path for a typing error.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a directory.", hint="Name the files inside it.") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user.", hint="Change its permissions.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}.") from error
    with stream:
        yield stream


def read_lines(stream: io.BufferedReader, name: str) -> Iterator[str]:
    """Return the lines of an open binary stream, without their ends.

    Gzip is known by its first bytes, not by the name. A UTF-8 byte order mark is dropped. A line that is
    not UTF-8 is taken as Latin-1, which has a character for any byte.

    Args:
        stream: Positioned at its start; it need not be seekable, so that a pipe will do.
        name: What error messages call the stream.

    Raises:
        InputError: At once for a binary stream; while iterating for a damaged or truncated gzip stream, for
            a line of more than 16 MiB, for lines that end in CR alone, and where the system cannot read on.
    """
    try:
        if stream.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            stream = io.BufferedReader(gzip.GzipFile(fileobj=stream))
        sniffed = stream.peek(_SNIFFED_BYTES)[:_SNIFFED_BYTES]
    except _READ_ERRORS as error:
        raise _unreadable(error, name, line_number=0) from error
    if b"\x00" in sniffed:
        raise InputError(f"{name} is a binary file.", hint="Save it as UTF-8 text.")
    if sniffed.startswith(_UTF8_BOM):
        stream.read(len(_UTF8_BOM))
    return _decoded_lines(stream, name)


def _decoded_lines(stream: io.BufferedReader, name: str) -> Iterator[str]:
    """Decode and split whole blocks: a call a line would take most of the time of a long file."""
    line_number = 0
    begun = b""
    while block := _read_block(stream, name, line_number):
        lines, line_end, rest = block.rpartition(b"\n")
        if line_end:
            for line in _split(begun + lines, name, line_number):
                line_number += 1
                yield line
            begun = rest
        else:
            begun += block
            _require_bearable(begun, name, line_number)
    if line_number == 0 and b"\r" in begun.rstrip():
        raise InputError(
            f"The lines of {name} end as on old Macintosh systems, with a carriage return alone.",
            hint="Save it with the line ends of Unix or Windows.",
        )
    if begun:
        yield from _split(begun, name, line_number)


def _read_block(stream: io.BufferedReader, name: str, line_number: int) -> bytes:
    try:
        return stream.read1(_BLOCK_BYTES)
    except _READ_ERRORS as error:
        raise _unreadable(error, name, line_number) from error


def _split(content: bytes, name: str, line_number: int) -> list[str]:
    """Return the lines of what ends where a line does."""
    if len(content) > _LONGEST_LINE_BYTES:
        for offset, line in enumerate(content.split(b"\n")):
            _require_bearable(line, name, line_number + offset)
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        lines = [_decoded(line) for line in content.split(b"\n")]
    return [line.rstrip("\r") for line in lines] if b"\r" in content else lines


def _require_bearable(line: bytes, name: str, line_number: int) -> None:
    if len(line) > _LONGEST_LINE_BYTES:
        raise InputError(f"{name} is no text file: its line {line_number + 1} is longer than 16 MiB.")


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _unreadable(error: Exception, name: str, line_number: int) -> InputError:
    """Say what ended the reading of a stream, and after which line."""
    fetch_again = "Fetch or copy the file again."
    match error:
        case EOFError():
            return InputError(
                f"{name} is a truncated gzip file: it ends after line {line_number}.", hint=fetch_again
            )
        case gzip.BadGzipFile() | zlib.error():
            return InputError(
                f"{name} is a damaged gzip file: it cannot be read past line {line_number}.", hint=fetch_again
            )
        case _:
            return InputError(f"{name} cannot be read past line {line_number}: {error}.")
