"""``cryoasync cite``, and the licence that goes with an export."""

import json
from pathlib import Path

import pytest
from pyarrow import parquet

from cryoasync.database.connection import Database
from cryoasync.database.origin import Origin, assert_origin
from tests.cli.conftest import CommandLine
from tests.cli.seeds import ASPIRIN_KEY, mixed_run, with_database
from tests.integration.database.builders import LATER, NOON, bring, compound, descriptors, molecule

CC_BY_SA = "CC BY-SA 3.0"


async def both_sources(database: Database) -> None:
    """Records of two releases of ChEMBL, one compound of PubChem, and descriptors."""
    await bring(
        database,
        compound(2244, inchikey=ASPIRIN_KEY, run_id=9),
        molecule("CHEMBL25", standard_inchi_key=ASPIRIN_KEY, chembl_release="ChEMBL_37"),
        molecule("CHEMBL1", chembl_release="ChEMBL_36", fetched_at=LATER),
        descriptors(NOON, source_id="2244"),
    )


async def only_pubchem(database: Database) -> None:
    """Nothing of ChEMBL's."""
    await bring(database, compound(2244, inchikey=ASPIRIN_KEY))


async def simulated(database: Database) -> None:
    """What a simulator said."""
    await both_sources(database)
    async with database.transaction() as connection:
        await assert_origin(connection, Origin.SIMULATED)


def test_every_source_is_named_with_release_date_and_licence(command_line: CommandLine, dsn: str) -> None:
    """As a text to be pasted, and field by field."""
    with_database(dsn, both_sources)
    text = command_line("cite", "--dsn", dsn).stdout
    assert "1 records were retrieved from PubChem (https://pubchem.ncbi.nlm.nih.gov) on 2026-05-04" in text
    assert (
        "2 records were retrieved from ChEMBL, ChEMBL_36 and ChEMBL_37 (https://www.ebi.ac.uk/chembl)" in text
    )
    assert all(word in text for word in (CC_BY_SA, "10.6019/CHEMBL.database.37", "10.1093/nar/gkad1004"))
    assert "computed with RDKit 2026.09.1" in text
    told = json.loads(command_line("cite", "--dsn", dsn, "--json").stdout)
    assert {source["source"]: source["licence"] for source in told["sources"]} == {
        "pubchem": None,
        "chembl": CC_BY_SA,
        "rdkit": "BSD-3-Clause",
    }
    assert told["text"] + "\n" == text


def test_a_run_is_cited_by_what_it_was_asked_for(command_line: CommandLine, dsn: str) -> None:
    """Of PubChem alone, though ChEMBL is here too."""
    run = with_database(dsn, mixed_run)
    with_database(dsn, both_sources)
    told = json.loads(command_line("cite", str(run.id), "--dsn", dsn, "--json").stdout)
    assert (told["run_id"], [source["source"] for source in told["sources"]]) == (
        run.id,
        ["pubchem", "rdkit"],
    )
    assert told["sources"][0]["records"] == 2
    assert command_line("cite", "99", "--dsn", dsn).exit_code == 2


def test_what_is_simulated_or_absent_is_not_cited(command_line: CommandLine, dsn: str) -> None:
    """Nobody should publish it."""
    assert "nothing to cite" in command_line("cite", "--dsn", dsn).stdout
    with_database(dsn, simulated)
    told = json.loads(command_line("cite", "--dsn", dsn, "--json").stdout)
    assert told["simulated"] is True
    assert "simulator" in told["text"]


@pytest.mark.parametrize("table", ["chembl_molecules", "molecules", "molecular_properties"])
def test_an_export_with_data_of_chembl_carries_the_licence(
    command_line: CommandLine, dsn: str, home: Path, table: str
) -> None:
    """Beside CSV and JSON lines, in the metadata of Parquet, on stderr for a pipe."""
    with_database(dsn, both_sources)
    outcome = command_line("export", table, "-o", "out.csv", "--dsn", dsn)
    assert CC_BY_SA in outcome.stderr
    assert CC_BY_SA in (home / "out.csv.license.txt").read_text()
    command_line("export", table, "-o", "out.parquet", "--dsn", dsn)
    assert CC_BY_SA.encode() in parquet.read_schema(home / "out.parquet").metadata[b"license"]
    assert not (home / "out.parquet.license.txt").exists()
    piped = command_line("export", table, "--dsn", dsn)
    assert (CC_BY_SA in piped.stderr, CC_BY_SA in piped.stdout) == (True, False)
    told = json.loads(command_line("export", table, "-o", "out.csv", "--dsn", dsn, "--json").stdout)
    assert (CC_BY_SA in told["license_note"], told["license_file"]) == (True, "out.csv.license.txt")


@pytest.mark.parametrize(
    ("seed", "table"),
    [
        (only_pubchem, "molecules"),
        (both_sources, "pubchem_compounds"),
        (both_sources, "rdkit_descriptors"),
        (simulated, "molecules"),
    ],
)
def test_an_export_without_any_says_nothing_of_it(
    command_line: CommandLine, dsn: str, home: Path, seed: object, table: str
) -> None:
    """Nor does a simulator's."""
    assert callable(seed)
    with_database(dsn, seed)
    outcome = command_line("export", table, "-o", "out.csv", "--dsn", dsn)
    assert CC_BY_SA not in outcome.stderr
    assert [path.name for path in home.glob("out.*")] == ["out.csv"]
