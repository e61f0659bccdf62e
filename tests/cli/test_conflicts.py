"""``cryoasync conflicts``."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

from cryoasync.database.connection import Database
from tests.cli.conftest import CommandLine
from tests.cli.seeds import ASPIRIN_KEY, with_database
from tests.integration.database.builders import bring, compound, molecule


async def two_conflicts(database: Database) -> None:
    """A molecule whose mass and formula its sources give differently."""
    await bring(
        database,
        compound(2244, inchikey=ASPIRIN_KEY, molecular_weight=Decimal("180.16"), molecular_formula="C9H8O4"),
        molecule(
            "CHEMBL25",
            standard_inchi_key=ASPIRIN_KEY,
            full_mwt=Decimal("202.14"),
            full_molformula="C9H7NaO4",
            pref_name="ASPIRIN",
        ),
    )


def test_conflicts_are_listed(command_line: CommandLine, dsn: str) -> None:
    """A table for people, one object for programs, no more than asked for."""
    with_database(dsn, two_conflicts)
    lines = command_line("conflicts", "--dsn", dsn).stdout.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["formula", "molecular_formula", "molecule", "2244", "CHEMBL25", "C9H8O4", "C9H7NaO4"],
        ["mass", "molecular_weight", "molecule", "2244", "CHEMBL25", "180.16", "202.14"],
    ]
    outcome = command_line("conflicts", "--dsn", dsn, "--json", "--limit", "1")
    found = json.loads(outcome.stdout)
    assert (outcome.exit_code, found["total"], found["not_shown"]) == (0, 2, 1)
    assert found["kinds"] == {"formula": 1, "mass": 1}
    assert found["conflicts"][0]["chembl_name"] == "ASPIRIN"


def test_conflicts_are_written_to_a_file(command_line: CommandLine, dsn: str, home: Path) -> None:
    """In the forms of an export; to standard output too."""
    with_database(dsn, two_conflicts)
    text = command_line("conflicts", "--format", "csv", "--dsn", dsn).stdout
    assert [row["kind"] for row in csv.DictReader(io.StringIO(text))] == ["formula", "mass"]
    outcome = command_line("conflicts", "-o", "conflicts.jsonl", "--dsn", dsn, "--json")
    assert json.loads(outcome.stdout)["rows"] == 2
    assert len((home / "conflicts.jsonl").read_text().splitlines()) == 2


def test_agreement_is_said(command_line: CommandLine, dsn: str) -> None:
    """An empty table would leave in doubt whether anything was compared."""
    outcome = command_line("conflicts", "--dsn", dsn)
    assert "agree" in outcome.stdout
    assert outcome.exit_code == 0
