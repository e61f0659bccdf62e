"""``cryoasync export``: rows of the database as CSV, JSON lines or Parquet."""

import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import READER_GONE, print_json
from cryoasync.errors import UsageError
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.export import ExportReport

OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where to write; .gz compresses CSV and JSON lines. Without it, or with -, standard output.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="csv|jsonl|parquet", help="By default what the file's ending says, else csv."
    ),
]
OfRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="A run's number or name.", show_default=False)
]


@with_settings(*DATABASE_OPTIONS)
async def export(
    loaded: LoadedSettings,
    table: Annotated[
        str,
        typer.Argument(
            metavar="[TABLE]",
            help="pubchem_compounds, chembl_molecules, molecules, molecule_sources, molecular_properties,"
            " molecule_conflicts, rdkit_descriptors, file_records, run_entries, failures, requests or runs.",
        ),
    ] = "pubchem_compounds",
    *,
    output: OutputFile = None,
    format_: Format = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="A,B", help="These columns only, in this order.")
    ] = None,
    run: OfRun = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=0, help="The first N rows only.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Write a table as CSV, JSON lines or Parquet.

    A file appears when it is whole. With --run, of compounds and descriptors those that the run was asked for
    are written, whichever run fetched them last.
    """
    # The database's library is not for --help.
    from cryoasync.database.exported_tables import TableExport  # noqa: PLC0415 - see above
    from cryoasync.service.export import export_table, export_target  # noqa: PLC0415 - see above

    require_file_with_json(output, as_json=as_json)
    names = () if columns is None else tuple(name.strip() for name in columns.split(","))
    wanted = TableExport(table=table, columns=names, run=run, limit=limit)
    target = export_target(output, format_)
    return await told_export(export_table(loaded.settings, wanted, target), as_json=as_json)


def require_file_with_json(output: str | None, *, as_json: bool) -> None:
    """See that ``--json`` and an export do not both go to standard output.

    Raises:
        UsageError: they do.
    """
    if as_json and output in (None, "-"):
        raise UsageError(
            "With --json standard output holds the report, so that the rows need a file.",
            hint="Name a file with -o.",
        )


async def told_export(work: "Awaitable[ExportReport]", *, as_json: bool) -> int:
    """Wait for an export, say what was written, and return the exit code."""
    from cryoasync.service.citation import CC_BY_SA  # noqa: PLC0415 - with the export itself
    from cryoasync.service.output_file import ReaderGoneError  # noqa: PLC0415 - see above

    try:
        report = await work
    except ReaderGoneError:
        return READER_GONE
    if as_json:
        print_json(report.to_json())
    elif report.file is not None:
        size = f"{report.bytes / 1e6:,.1f} MB" if report.bytes >= 100_000 else f"{report.bytes:,} bytes"
        # Not to stdout, which may be the very file.
        sys.stderr.write(f"{report.rows:,} rows of {report.table} are in {report.file} ({size}).\n")
    if report.note is not None and not as_json:
        where = (
            f"in {report.note_file}"
            if report.note_file
            else "in the file"
            if report.file
            else "in what `cryoasync cite` prints"
        )
        sys.stderr.write(
            f"They hold data of ChEMBL, licensed under {CC_BY_SA}; what to pass on stands {where}.\n"
        )
    return 0
