"""``cryoasync link``."""

import gzip
import json
from pathlib import Path

from cryoasync.database.connection import Database
from tests.cli.conftest import CommandLine
from tests.cli.seeds import ASPIRIN_KEY, with_database
from tests.integration.database.builders import bring, compound, molecule

HEADER = "From src:'1'\tTo src:'22'\n"


async def a_biologic(database: Database) -> None:
    """A molecule of ChEMBL without a structure, and a compound that it is."""
    await bring(database, molecule("CHEMBL1", pref_name="X"), compound(5, inchikey=ASPIRIN_KEY, title="five"))


async def molecules(database: Database) -> int:
    """How many there are."""
    async with database.transaction() as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM cryoasync.molecules")
        return count


def test_links_join_and_part_records(command_line: CommandLine, dsn: str, home: Path) -> None:
    """What is here already, by the latest file alone; the same file again changes nothing."""
    with_database(dsn, a_biologic)
    path = home / "links.txt.gz"
    path.write_bytes(gzip.compress((HEADER + "CHEMBL1\t5\nCHEMBL9\t9\nCHEMBL1\t5\n").encode()))
    outcome = command_line("link", str(path), "--dsn", dsn, "--json")
    assert json.loads(outcome.stdout) == {
        "file": str(path), "links": 2, "added": 2, "removed": 0, "records_moved": 1,
    }  # fmt: skip
    assert with_database(dsn, molecules) == 1
    again = json.loads(command_line("link", str(path), "--dsn", dsn, "--json").stdout)
    assert (again["added"], again["removed"], again["records_moved"]) == (0, 0, 0)
    path.write_text(HEADER + "CHEMBL9\t9\n")
    outcome = command_line("link", str(path), "--dsn", dsn)
    assert outcome.stdout == "1 links: 0 new, 1 gone. 1 records are another molecule than before.\n"
    assert with_database(dsn, molecules) == 2


def test_a_damaged_file_leaves_the_links_as_they_are(command_line: CommandLine, dsn: str, home: Path) -> None:
    """Exit code 2, and where the file is bad."""
    with_database(dsn, a_biologic)
    path = home / "links.txt"
    path.write_text(HEADER + "CHEMBL1\t5\n")
    assert command_line("link", str(path), "--dsn", dsn).exit_code == 0
    path.write_text(HEADER + "CHEMBL7\t7\nwhat?\t5\n")
    outcome = command_line("link", str(path), "--dsn", dsn)
    assert outcome.exit_code == 2
    assert "line 3" in outcome.stderr
    path.write_text(HEADER + "CHEMBL1\t5\n")
    assert json.loads(command_line("link", str(path), "--dsn", dsn, "--json").stdout)["added"] == 0
