"""``cryoasync conflicts``: where PubChem and ChEMBL say different things of one molecule."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.export import Format, OfRun, OutputFile, require_file_with_json, told_export
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import cell, print_json, print_text
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.conflicts import ConflictList

_SHOWN = 1_000
_COLUMNS = ("kind", "property", "joined_by", "cid", "chembl_id", "pubchem_value", "chembl_value")
_LONGEST_VALUE = 60


@with_settings(*DATABASE_OPTIONS)
async def conflicts(
    loaded: LoadedSettings,
    *,
    output: OutputFile = None,
    format_: Format = None,
    run: OfRun = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="How many to show at most; files hold all.")
    ] = _SHOWN,
    as_json: AsJson = False,
) -> int:
    """List where PubChem and ChEMBL give one molecule another mass, formula or stereochemistry.

    With --format or -o they are written as CSV, JSON lines or Parquet, all of them.
    """
    # The database's library is not for --help.
    from cryoasync.service.conflicts import conflict_export, list_conflicts  # noqa: PLC0415 - see above
    from cryoasync.service.export import export_table, export_target  # noqa: PLC0415 - see above

    if output is not None or format_ is not None or run is not None:
        require_file_with_json(output, as_json=as_json)
        target = export_target(output, format_)
        return await told_export(export_table(loaded.settings, conflict_export(run), target), as_json=as_json)
    found = await list_conflicts(loaded.settings, limit)
    if as_json:
        print_json(found.to_json())
        return 0
    print_text(
        _table(found) if found.totals else "PubChem and ChEMBL agree on every molecule that both have."
    )
    if found.not_shown:
        sys.stderr.write(f"{found.not_shown:,} more are not shown: give --limit, or write them with -o.\n")
    return 0


def _table(found: "ConflictList") -> Table:
    table = Table(*(column.replace("_", " ") for column in _COLUMNS), box=None, pad_edge=False)
    for entry in found.entries:
        table.add_row(*(cell(entry[column], longest=_LONGEST_VALUE) for column in _COLUMNS))
    return table
