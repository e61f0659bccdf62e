"""What a command prints: data to stdout, everything else to stderr.

With ``--json`` stdout holds exactly one JSON object, whether the command succeeds or fails.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from errno import EIO, EPIPE
from typing import Any

import typer
from rich.console import Console, RenderableType

from cryoasync.cli.durations import moment
from cryoasync.cli.standard_error import write_to_nothing
from cryoasync.errors import CryoasyncError
from cryoasync.redaction import redact

# 128 + SIGPIPE, as a shell reports a program whose reader has gone.
READER_GONE = 141

_PIPE_COLUMNS = 10_000


@contextmanager
def writing_data() -> Iterator[None]:
    """End quietly where the reader of stdout, such as ``head``, has gone; go on where the terminal was closed.

    Raises:
        typer.Exit: with code 141.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in {EIO, EPIPE}:
            raise
        # Python flushes stdout once more at its exit, and would complain there.
        write_to_nothing(sys.stdout.fileno())
        if error.errno == EPIPE:
            raise typer.Exit(READER_GONE) from None


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object; what JSON has no type for is printed as text, a time as ISO 8601 writes it."""
    with writing_data():
        sys.stdout.write(json.dumps(document, default=_as_text, ensure_ascii=False, indent=2) + "\n")


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_text(*renderables: RenderableType) -> None:
    """Print text, tables and the like for people; a table is fitted to a terminal, never to a pipe."""
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    # Names and messages come from sources and files: brackets and colons in them are no markup.
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)
    with writing_data():
        console.print(*renderables, soft_wrap=True)


def cell(value: object, *, longest: int | None = None) -> str:
    """Write a value on one line, cut to ``longest`` characters: what a source or a file said may hold anything."""
    if isinstance(value, datetime):
        return moment(value)
    text = "-" if value is None else str(value)
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"


def print_error(error: CryoasyncError, *, as_json: bool) -> None:
    """Print an error without its secrets: for people to stderr, with ``as_json`` to stdout."""
    if as_json:
        print_json({"error": error_value(error)})
        return
    value = error_value(error)
    sys.stderr.write(f"error: {value['message']}\n")
    if value["hint"]:
        sys.stderr.write(f"hint: {value['hint']}\n")


def error_value(error: CryoasyncError) -> dict[str, str | None]:
    """Return what is printed of an error as JSON, without its secrets."""
    return {
        "kind": error.kind,
        "message": redact(error.message),
        "hint": redact(error.hint) if error.hint else None,
    }


def wants_color(environ: Mapping[str, str]) -> bool:
    """Whether stderr is a terminal that shows colours, and the user has not said ``NO_COLOR``."""
    return sys.stderr.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
