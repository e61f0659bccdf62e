"""``cryoasync link``: which ChEMBL molecule is which compound of PubChem, where structures do not tell."""

from pathlib import Path
from typing import Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings


@with_settings(*DATABASE_OPTIONS)
async def link(
    loaded: LoadedSettings,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="UniChem's mapping src1src22.txt.gz, packed or not.")
    ],
    *,
    as_json: AsJson = False,
) -> int:
    """Join molecules of ChEMBL and PubChem by UniChem's mapping, where they have no structure to be joined by.

    The links of the file replace all earlier ones. They hold for what is imported later, too.
    """
    # The database's library is not for --help.
    from cryoasync.service.linking import link_sources  # noqa: PLC0415 - see above

    report = await link_sources(loaded.settings, file)
    if as_json:
        print_json(report.to_json())
        return 0
    done = report.replaced
    print_text(
        f"{done.links:,} links: {done.added:,} new, {done.removed:,} gone."
        f" {done.records_moved:,} records are another molecule than before."
    )
    return 0
