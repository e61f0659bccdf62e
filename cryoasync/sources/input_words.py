"""The words INPUT of a command line: a path, ``-``, one identifier, or a range of them."""

import os
import shutil
import stat
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from cryoasync.errors import InputError
from cryoasync.sources.identifier_lists import identifier_texts
from cryoasync.sources.identifiers import IdentifierScheme, InvalidIdentifier
from cryoasync.sources.text import open_lines, read_lines

Reading = tuple[int | None, str, int | InvalidIdentifier]
"""The line number, the text and what it was read as; line and text are empty for a number of a range."""

_PROBED_LINES = 10_000
_INVALID_PROBED_LINES = 1_000


class WordSource(Protocol):
    """What one word stands for."""

    @property
    def origin(self) -> str:
        """The word, or what users call the thing it stands for."""
        ...

    def readings(self) -> Generator[Reading, None, None]:
        """Read it from its start, anew for each call.

        Raises:
            InputError: It cannot be read, or is no list of identifiers.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierRange:
    """The numbers ``first`` to ``last``, both included; a single identifier is the shortest range."""

    origin: str
    first: int
    last: int

    def readings(self) -> Generator[Reading, None, None]:
        """Count from first to last."""
        return ((None, "", number) for number in range(self.first, self.last + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFile:
    """A regular file, which must stay as it was when the word was understood."""

    origin: str
    path: Path
    version: tuple[int, ...]
    scheme: IdentifierScheme

    def readings(self) -> Generator[Reading, None, None]:
        """Read the file; raises InputError also where it is not the one it was."""
        self._require_same_version()
        with open_lines(self.path) as lines:
            yield from _checked_readings(lines, self.origin, self.scheme)
        self._require_same_version()

    def _require_same_version(self) -> None:
        try:
            same = _version_of(self.path.stat()) == self.version
        except OSError:
            same = False
        if not same:
            raise InputError(
                f"{self.path} was changed while it was being read.",
                hint="Start again when it is complete.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCopy:
    """What came through standard input or a pipe, kept in a temporary file."""

    origin: str
    file: BinaryIO
    scheme: IdentifierScheme

    def readings(self) -> Generator[Reading, None, None]:
        """Read the copy."""
        with os.fdopen(os.dup(self.file.fileno()), "rb") as stream:
            stream.seek(0)
            yield from _checked_readings(read_lines(stream, self.origin), self.origin, self.scheme)


def source_of_word(word: str, *, scheme: IdentifierScheme, stdin: BinaryIO, stack: ExitStack) -> WordSource:
    """Understand one word; ``stack`` closes the temporary file that standard input or a pipe is copied to.

    Raises:
        InputError: The word is neither ``-``, nor an existing path, an identifier or a range.
    """
    if word == "-":
        return _copy(stdin, "standard input", scheme, stack)
    path = Path(word)
    # An empty word would be taken for the working directory.
    status = _status_of(path) if word else None
    if status is None:
        return _range_of(word, scheme)
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return ListFile(origin=word, path=path, version=_version_of(status), scheme=scheme)
    try:
        with path.open("rb") as pipe:
            return _copy(pipe, word, scheme, stack)
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}.") from error


def _checked_readings(lines: Iterator[str], name: str, scheme: IdentifierScheme) -> Iterator[Reading]:
    """Read a list, and give up early on what is none."""
    line = invalid = 0
    parse = scheme.parse
    for line, text in identifier_texts(lines, name, scheme):
        number = parse(text)
        if isinstance(number, InvalidIdentifier) and line <= _PROBED_LINES:
            invalid += 1
            if invalid > _INVALID_PROBED_LINES:
                raise InputError(
                    f"{name} is no list of {scheme.label}s: more than {_INVALID_PROBED_LINES:,} of its first "
                    f"{_PROBED_LINES:,} lines hold none, for example line {line}: "
                    f"{text[:80]!r} ({number.reason}).",
                    hint=f"Give one {scheme.label} a line, or a table with their column.",
                )
        yield line, text, number
    if line == 0:
        raise InputError(
            f"{name} holds no {scheme.label}: it is empty, or has only a header, blank lines or comments."
        )


def _copy(stream: BinaryIO, origin: str, scheme: IdentifierScheme, stack: ExitStack) -> ListCopy:
    try:
        file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        shutil.copyfileobj(stream, file)
        file.flush()
    except OSError as error:
        raise InputError(
            f"{origin} cannot be copied to {tempfile.gettempdir()}: {error.strerror}.",
            hint="Set TMPDIR to a directory with room, or save the list to a file.",
        ) from error
    return ListCopy(origin=origin, file=file, scheme=scheme)


def _status_of(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user.") from error
    except (OSError, ValueError):
        # A word with a NUL, or longer than a file name may be, is no path either.
        return None


def words_hint(scheme: IdentifierScheme) -> str:
    """Say what words may name an input."""
    return f"Name a file, - for standard input, a {scheme.label}, or a range such as {scheme.example_range}."


def _version_of(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _range_of(word: str, scheme: IdentifierScheme) -> IdentifierRange:
    number = scheme.parse(word)
    if isinstance(number, int):
        return IdentifierRange(origin=word, first=number, last=number)
    first_text, _, last_text = word.partition("-")
    match scheme.parse(first_text), scheme.parse(last_text):
        case int(first), int(last) if first <= last:
            return IdentifierRange(origin=word, first=first, last=last)
        case int(), int():
            raise InputError(f"{word}: the range runs backwards.", hint=f"Write {last_text}-{first_text}.")
        case int(), InvalidIdentifier(reason=reason):
            problem = f"no range of {scheme.label}s ({last_text}: {reason})"
        case InvalidIdentifier(reason=reason), int() if first_text:
            problem = f"no range of {scheme.label}s ({first_text}: {reason})"
        case _:
            problem = f"no {scheme.label} ({number.reason})"
    raise InputError(f"{word}: no such file, and {problem}.", hint=words_hint(scheme))
