"""``cryoasync cite``: what to say of where the compounds are from."""

from typing import Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings


@with_settings(*DATABASE_OPTIONS)
async def cite(
    loaded: LoadedSettings,
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's number or name; without it, of all compounds."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Print an attribution: sources, releases, dates, licences and papers, to be passed on with the data."""
    # The database's library is not for --help.
    from cryoasync.service.citation import cite as found_citation  # noqa: PLC0415 - see above

    citation = await found_citation(loaded.settings, run)
    if as_json:
        print_json(citation.to_json())
    else:
        print_text(citation.text())
    return 0
