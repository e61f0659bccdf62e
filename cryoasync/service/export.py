"""Writes rows of the database to a file or standard output, in a form that other programs read."""

import gzip
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.exported_tables import TableExport, did_you_mean, table_selection
from cryoasync.database.opening import opened_database
from cryoasync.database.stream import Selection, stream_csv, stream_json_lines
from cryoasync.errors import StoppedError, UsageError
from cryoasync.pipeline.shutdown import StopRequest, stopping_by_signals
from cryoasync.service.citation import licence_note
from cryoasync.service.output_file import Output, opened_output
from cryoasync.settings import Settings

_STANDARD_OUTPUT = "-"
_GZIP = ".gz"


class ExportFormat(StrEnum):
    """The form of an export."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_FORMAT_BY_ENDING = {
    ".csv": ExportFormat.CSV,
    ".jsonl": ExportFormat.JSONL,
    ".ndjson": ExportFormat.JSONL,
    ".parquet": ExportFormat.PARQUET,
}


class ExportStoppedError(StoppedError):
    """Stopped by a signal before the export was whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTarget:
    """Where an export goes, and in which form: ``path`` is ``None`` for standard output."""

    path: Path | None
    format: ExportFormat
    gzipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was exported, and how many bytes it took; ``file`` is ``None`` for standard output.

    ``note`` is what must be passed on with the rows, and ``note_file`` where it stands, if in a file of its own.
    """

    table: str
    rows: int
    file: Path | None
    format: ExportFormat
    bytes: int
    note: str | None = None
    note_file: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``export --json`` prints."""
        return {
            "table": self.table,
            "rows": self.rows,
            "file": str(self.file),
            "format": self.format,
            "bytes": self.bytes,
            "license_note": self.note,
            "license_file": None if self.note_file is None else str(self.note_file),
        }


def export_target(output: str | None, format_name: str | None) -> ExportTarget:
    """Return what ``-o`` and ``--format`` mean: without a format, the file's ending tells it.

    Raises:
        UsageError: there is no such format, nothing tells it, it does not fit the output, or what writes it
            is not installed.
    """
    path = None if output in (None, _STANDARD_OUTPUT) else Path(output)
    gzipped = path is not None and path.suffix.lower() == _GZIP
    if format_name is not None:
        format_ = _format_named(format_name)
    elif path is not None:
        format_ = _format_of_ending(path, Path(path.stem).suffix if gzipped else path.suffix)
    else:
        format_ = ExportFormat.CSV
    if format_ is ExportFormat.PARQUET:
        _require_place_for_parquet(path, gzipped=gzipped)
        _parquet_writer()
    return ExportTarget(path=path, format=format_, gzipped=gzipped)


async def export_table(settings: Settings, wanted: TableExport, target: ExportTarget) -> ExportReport:
    """Export rows of a table; errors are those of :func:`export_selection`."""

    async def select(database: Database) -> Selection:
        selection = await table_selection(database, wanted)
        return replace(selection, note=await licence_note(database, wanted.table))

    return await export_selection(settings, target, wanted.table, select)


async def export_selection(
    settings: Settings,
    target: ExportTarget,
    table: str,
    select: Callable[[Database], Awaitable[Selection]],
) -> ExportReport:
    """Export what ``select`` chooses; a file appears when it is whole, and memory stays flat.

    What must be passed on with the rows stands in the metadata of a Parquet file. CSV and JSON lines have no place
    for it that every reader would pass over, so that it stands in a file beside.

    Raises:
        UsageError: ``select`` finds no such thing.
        OutputError: the output cannot be written.
        ReaderGoneError: nobody reads the output any more.
        ExportStoppedError: by a signal.
        DatabaseError: the database cannot be used.
    """
    stop = StopRequest()
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(stopping_by_signals(stop))
            # Opened first and so ended last: the file takes its place when all else has gone well.
            output = stack.enter_context(opened_output(target.path))
            database = await stack.enter_async_context(opened_database(settings))
            selection = await select(database)
            rows = await _write(database, selection, output, target)
    except StoppedError as error:
        assert stop.signal is not None, "it is why"
        raise ExportStoppedError(stop.signal) from error
    return ExportReport(
        table=table,
        rows=rows,
        file=target.path,
        format=target.format,
        bytes=output.bytes,
        note=selection.note,
        note_file=_note_file(target, selection.note),
    )


def _note_file(target: ExportTarget, note: str | None) -> Path | None:
    """Write a note beside a file that cannot hold it, and return where."""
    path = target.path
    if note is None or path is None or target.format is ExportFormat.PARQUET or not path.is_file():
        return None
    beside = path.with_name(f"{path.name}.license.txt")
    with opened_output(beside) as output:
        output.write(f"{note}\n".encode())
    return beside


async def _write(database: Database, selection: Selection, output: Output, target: ExportTarget) -> int:
    match target.format:
        case ExportFormat.PARQUET:
            return await _parquet_writer()(database, selection, output)
        case ExportFormat.CSV:
            stream = stream_csv
        case ExportFormat.JSONL:
            stream = stream_json_lines
    if not target.gzipped:
        return await stream(database, selection, output.write)
    # Without a time, so that equal rows make equal files.
    with gzip.GzipFile(fileobj=output, mode="wb", mtime=0) as compressed:
        return await stream(database, selection, compressed.write)


def _format_named(name: str) -> ExportFormat:
    try:
        return ExportFormat(name.lower())
    except ValueError:
        raise UsageError(
            f"There is no format {name!r}.", hint=did_you_mean(name, list(ExportFormat))
        ) from None


def _format_of_ending(path: Path, ending: str) -> ExportFormat:
    format_ = _FORMAT_BY_ENDING.get(ending.lower())
    if format_ is None:
        raise UsageError(
            f"The ending of {path.name!r} tells no format.",
            hint=f"Give --format, or one of the endings {', '.join(_FORMAT_BY_ENDING)}.",
        )
    return format_


def _require_place_for_parquet(path: Path | None, *, gzipped: bool) -> None:
    if gzipped:
        raise UsageError("Parquet does not go into .gz: it is compressed in itself.", hint="Leave .gz out.")
    if path is None and sys.stdout.isatty():
        raise UsageError("Parquet is nothing for a terminal.", hint="Name a file with -o, or pipe it on.")


def _parquet_writer() -> Callable[[Database, Selection, Output], Awaitable[int]]:
    try:
        # An extra: without it everything else works.
        from cryoasync.service.parquet import write_parquet  # noqa: PLC0415 - see above
    except ImportError as error:
        raise UsageError(
            "Writing Parquet needs pyarrow, which is not installed.",
            hint="pip install 'cryoasync[parquet]'",
        ) from error
    return write_parquet
