"""``cryoasync publish``: molecules into the tables of other applications."""

import sys
from typing import Annotated

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings

app = typer.Typer(help="Merge molecules into the tables of another application.", no_args_is_help=True)


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def cryoprotect(
    loaded: LoadedSettings,
    *,
    schema: Annotated[
        str, typer.Option("--schema", metavar="NAME", help="The schema of CryoProtect's tables.")
    ] = "public",
    as_json: AsJson = False,
) -> int:
    """Merge molecules and their values into CryoProtect's tables in the same database.

    Its rows keep their ids, and what is equal is not written again. Tables that are missing are made.
    """
    # The database's library is not for --help.
    from cryoasync.service.citation import CC_BY_SA  # noqa: PLC0415 - see above
    from cryoasync.service.publish import publish_to_cryoprotect  # noqa: PLC0415 - see above

    report = await publish_to_cryoprotect(loaded.settings, schema)
    if as_json:
        print_json(report.to_json())
        return 0
    done = report.published
    if report.made:
        sys.stderr.write(f"Made the tables {', '.join(report.made)} in the schema {report.schema}.\n")
    print_text(
        f"Molecules: {done.molecules_inserted:,} new, {done.molecules_updated:,} changed,"
        f" {done.molecules_unchanged:,} as they were."
        f"\nProperties: {done.properties_inserted:,} new, {done.properties_updated:,} changed."
    )
    if done.molecules_without_cid:
        sys.stderr.write(
            f"{done.molecules_without_cid:,} molecules have no CID, which these tables want; they are left out.\n"
        )
    if report.note is not None:
        said = f"Data of ChEMBL are among them, licensed under {CC_BY_SA}"
        sys.stderr.write(f"{said}: `cryoasync cite` says what to pass on.\n")
    return 0
