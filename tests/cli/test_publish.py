"""``cryoasync publish``."""

import json

from cryoasync.database.connection import Database
from tests.cli.conftest import CommandLine
from tests.cli.seeds import with_database
from tests.integration.database.builders import bring, compound


async def three_compounds(database: Database) -> None:
    """With two values each."""
    await bring(database, *(compound(cid, title=f"c{cid}", xlogp=1.5, tpsa=2.5) for cid in range(1, 4)))


def test_publish_tells_what_it_wrote(command_line: CommandLine, dsn: str) -> None:
    """And that there was nothing to write the second time."""
    with_database(dsn, three_compounds)
    outcome = command_line("publish", "cryoprotect", "--dsn", dsn, "--json")
    told = json.loads(outcome.stdout)
    assert outcome.exit_code == 0
    assert told["created_tables"] == ["molecules", "property_types", "molecular_properties"]
    assert told["license_note"] is None
    assert (told["schema"], told["molecules_inserted"], told["properties_inserted"]) == ("public", 3, 6)
    again = command_line("publish", "cryoprotect", "--dsn", dsn)
    assert "Molecules: 0 new, 0 changed, 3 as they were." in again.stdout
    assert again.stderr == ""


def test_another_table_of_that_name_is_an_error_with_a_hint(command_line: CommandLine, dsn: str) -> None:
    """Exit code 2, and one JSON object."""

    async def other_table(database: Database) -> None:
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE public.molecules (id integer)")

    with_database(dsn, other_table)
    outcome = command_line("publish", "cryoprotect", "--dsn", dsn, "--json")
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (2, "usage")
    assert "--schema" in error["hint"]
