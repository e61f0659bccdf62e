"""``cryoasync adopt``: what CryoProtect's own importer has done, taken over."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.adoption import AdoptionReport

_REASONS_SHOWN = 5


@with_settings(*DATABASE_OPTIONS)
async def adopt(
    loaded: LoadedSettings,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Its caches (SQLite) and its checkpoints (JSON, either layout)."
        ),
    ],
    *,
    cid_list: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="The list of CIDs that it worked on.")
    ] = None,
    rest: Annotated[
        Path | None,
        typer.Option(
            "--rest", "-o", metavar="FILE", help="Where to list the CIDs that are still to be imported."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Take over what CryoProtect's own importer has done: PubChem's answers in its cache become rows.

    Each keeps the time at which PubChem gave it. A checkpoint tells what the importer went through, failures
    included: a CID counts as done where it has a row here, and --rest lists the others.
    """
    # The database's library is not for --help.
    from cryoasync.service.adoption import adopt as adopt_files  # noqa: PLC0415 - see above

    report = await adopt_files(loaded.settings, files, cid_list, rest)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    return 0


def _print(report: "AdoptionReport") -> None:
    answers = (
        f"{report.adopted:,} answers adopted, {report.already_here:,} of compounds that are here already"
    )
    lines = [f"{answers}, {len(report.left_out):,} left out."]
    if report.gone_through:
        lines.append(
            f"The importer had gone through {report.gone_through:,} entries, and stored {report.imported_there:,} by"
            " its own count."
        )
    if report.still_to_import is not None:
        lines.append(f"{report.still_to_import:,} CIDs have no row here.")
    if report.rest is not None:
        lines.append(f"Import them with `cryoasync run pubchem {report.rest}`.")
    print_text("\n".join(lines))
    for each in report.left_out[:_REASONS_SHOWN]:
        sys.stderr.write(f"CID {each.cid} is left out: {each.reason}.\n")
