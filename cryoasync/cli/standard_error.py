"""Standard error that nobody may be reading any more: a terminal that was closed, or a pipe whose reader has gone."""

import io
import os
import sys
from errno import EIO, EPIPE
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Unfailing(io.FileIO):
    """Writes to a descriptor, and to nothing instead once that is of no use."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in {EIO, EPIPE}:
                raise
        write_to_nothing(self.fileno())
        return memoryview(data).nbytes


def write_to_nothing(descriptor: int) -> None:
    """Let whatever is written to an open descriptor from now on vanish, in whoever's hands it is."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def keep_writing_to_standard_error() -> None:
    """Let no message of this process fail because nobody is there to read it: it is no reason to end the work.

    Where standard error was closed before the start, messages vanish too. A stream that stands in its place, as a
    test's does, is left alone.
    """
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
        return
    try:
        unfailing = _Unfailing(sys.stderr.fileno(), "wb", closefd=False)
    except io.UnsupportedOperation:
        return
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(unfailing),
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
    )
