"""The files of one run as one stream of items, the same each time it is read."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

from cryoasync.errors import InputError
from cryoasync.sources.files.models import FileItem, Unreadable
from cryoasync.sources.files.reader import read_file, require_known_format
from cryoasync.sources.text import open_bytes

_HASHED_BYTES = 32 * 1024 * 1024
_RIGHT_FILE_HINT = "Check that it is the right file."
_SAVE_HINT = "Save its content to a file first; .gz files are read as they are."
_PROBED_ITEMS = 10_000
_UNREADABLE_PROBED_ITEMS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesDigest:
    """The content of the files, and the state they were in when it was read.

    Attributes:
        sha256: over the SHA-256 of each file, in their order.
        states: by path.
    """

    sha256: str
    states: Mapping[Path, os.stat_result]

    def modified_at(self, file: str) -> datetime:
        """Return when a file was last written to."""
        return datetime.fromtimestamp(self.states[Path(file)].st_mtime, UTC)

    def require_unchanged(self) -> None:
        """Refuse files that were written to since.

        Raises:
            InputError: it names the file.
        """
        for path, state in self.states.items():
            if _version(_state_of(path)) != _version(state):
                raise InputError(
                    f"{path} was changed while it was being read.", hint="Run the command again."
                )


class StructureFiles:
    """The files of one run, which can be read any number of times; nothing of them is kept in memory."""

    def __init__(self, paths: Sequence[Path], *, id_tag: str | None = None, limit: int | None = None) -> None:
        """Read ``paths`` one after the other, up to ``limit`` records that can be read; see ``read_file``."""
        self.paths = tuple(paths)
        self._id_tag = id_tag
        self._limit = limit

    @classmethod
    def named(cls, words: Sequence[str], *, id_tag: str | None = None, limit: int | None = None) -> Self:
        """Take the files that a command line names; one that is named twice is taken once.

        Each is known by its whole path, so that records of two files never pass for those of one.

        Raises:
            InputError: one is no file, has a name that tells no known format, or can be read only once.
        """
        if "-" in words:
            raise InputError("Standard input can be read only once.", hint=_SAVE_HINT)
        paths = tuple(dict.fromkeys(map(whole_path, words)))
        for path in paths:
            _require_regular(path)
            require_known_format(path)
            _require_storable(path)
        return cls(paths, id_tag=id_tag, limit=limit)

    def hashing(self) -> Iterator[FilesDigest | None]:
        """Read all bytes; yield ``None`` now and then, so that a caller can stop, and the digest in the end.

        Raises:
            InputError: a file cannot be read, or is written to meanwhile.
        """
        states = {path: _state_of(path) for path in self.paths}
        whole = hashlib.sha256()
        for path in self.paths:
            content = hashlib.sha256()
            with open_bytes(path) as stream:
                while part := _part_of(stream, path):
                    content.update(part)
                    yield None
            whole.update(f"{content.hexdigest()}\n".encode())
        digest = FilesDigest(sha256=whole.hexdigest(), states=states)
        digest.require_unchanged()
        yield digest

    def items(self) -> Iterator[FileItem]:
        """Read the files from their start.

        Where one is damaged further on, what came before counts, and an ``Unreadable`` stands for the rest.

        Raises:
            InputError: a file holds no record, cannot be read from its start, or is something else: more
                than 1,000 of its first 10,000 records are none; or there is no readable record in any.
        """
        readable = 0
        reason = ""
        for path in self.paths:
            for item in self._items_of(path):
                yield item
                if isinstance(item, Unreadable):
                    reason = reason or f"{path}, record {item.record}: {item.reason}"
                    continue
                readable += 1
                if readable == self._limit:
                    return
        if readable == 0:
            raise InputError(f"There is no record that can be read: {reason}.", hint=_RIGHT_FILE_HINT)

    def _items_of(self, path: Path) -> Iterator[FileItem]:
        count = unreadable = 0
        for item in self._with_damage(path):
            count += 1
            if isinstance(item, Unreadable) and count <= _PROBED_ITEMS:
                unreadable += 1
                if unreadable > _UNREADABLE_PROBED_ITEMS:
                    raise InputError(
                        f"{path} is no file of structures: more than {_UNREADABLE_PROBED_ITEMS:,} of its first"
                        f" {_PROBED_ITEMS:,} records cannot be read, for example record {item.record}:"
                        f" {item.reason}.",
                        hint=_RIGHT_FILE_HINT,
                    )
            yield item
        if count == 0:
            raise InputError(f"{path} holds no record.", hint=_RIGHT_FILE_HINT)

    def _with_damage(self, path: Path) -> Iterator[FileItem]:
        items = read_file(path, id_tag=self._id_tag)
        last_record = 0
        while True:
            try:
                item = next(items, None)
            except InputError as error:
                if last_record == 0:
                    raise
                yield Unreadable(
                    file=str(path),
                    record=last_record + 1,
                    reason=f"the file {error.message.removeprefix(f'{path} ').rstrip('.')}",
                    ends_file=True,
                )
                return
            if item is None:
                return
            yield item
            last_record = item.record


def whole_path(word: str) -> Path:
    """Return the one path that a file is known by, however it is named.

    The name itself is kept: that of what a link leads to may lack the ending.
    """
    path = Path(word)
    return path.parent.resolve() / path.name


def _require_storable(path: Path) -> None:
    """Refuse a path that no text in the database can hold, byte for byte."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise InputError(f"The name of {shown} is not in UTF-8.", hint="Rename the file.") from error


def _require_regular(path: Path) -> None:
    mode = _state_of(path).st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a directory.", hint="Name the files inside it.")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is a pipe or a device, which can be read only once.", hint=_SAVE_HINT)


def _state_of(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist.", hint="Check the path for a typing error.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be looked at: {error}.") from error


def _version(state: os.stat_result) -> tuple[int, ...]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _part_of(stream: BinaryIO, path: Path) -> bytes:
    try:
        return stream.read(_HASHED_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
