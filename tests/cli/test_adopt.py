"""``cryoasync adopt``."""

import json
from pathlib import Path
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.origin import Origin, assert_origin
from tests.cli.conftest import CommandLine
from tests.cli.seeds import with_database
from tests.integration.database.builders import bring, compound
from tests.unit.sources.cryoprotect.builders import ASPIRIN, MARCH, written_cache

OTHER_KEY = "XLYOFNOQVPJJNP-UHFFFAOYSA-N"


async def known_compound(database: Database) -> None:
    """CID 962 is here already."""
    await bring(database, compound(962, title="Water", inchikey=OTHER_KEY))


async def rows(database: Database) -> list[tuple[Any, ...]]:
    """What is here."""
    async with database.transaction() as connection:
        return [
            tuple(record)
            for record in await connection.fetch(
                "SELECT c.cid, c.title, c.run_id, m.name FROM cryoasync.pubchem_compounds AS c"
                " JOIN cryoasync.molecule_sources AS s ON s.source = 'pubchem' AND s.source_id = c.cid::text"
                " JOIN cryoasync.molecules AS m ON m.id = s.molecule_id ORDER BY c.cid"
            )
        ]


async def mark_simulated(database: Database) -> None:
    """Nothing real may come here."""
    async with database.transaction() as connection:
        await assert_origin(connection, Origin.SIMULATED)


def test_a_cache_becomes_rows_and_molecules(command_line: CommandLine, dsn: str, home: Path) -> None:
    """What is here stays as it is; the same file again changes nothing, nor is the file changed."""
    with_database(dsn, known_compound)
    cache = written_cache(
        home / "pubchem_cache.sqlite",
        (962, {**ASPIRIN, "Title": "other"}, MARCH, "pubchem"),
        (2244, ASPIRIN, MARCH, "pubchem"),
        (5, {"CID": "5", "Error": "timeout"}, MARCH, "pubchem"),
    )
    content = cache.read_bytes()
    told = json.loads(command_line("adopt", str(cache), "--dsn", dsn, "--json").stdout)
    assert (told["adopted"], told["already_here"], told["left_out"]) == (1, 1, 1)
    assert told["reasons"] == [{"cid": 5, "reason": "an error: timeout"}]
    assert with_database(dsn, rows) == [(962, "Water", 1, "Water"), (2244, "Aspirin", 0, "Aspirin")]
    again = command_line("adopt", str(cache), "--dsn", dsn)
    assert again.stdout.startswith("0 answers adopted, 2 of compounds that are here already, 1 left out.")
    assert "CID 5 is left out: an error: timeout." in again.stderr
    assert cache.read_bytes() == content


def test_a_cid_of_a_checkpoint_is_done_where_it_has_a_row(
    command_line: CommandLine, dsn: str, home: Path
) -> None:
    """The rest is listed, to be imported."""
    with_database(dsn, known_compound)
    checkpoint = home / "checkpoint.json"
    checkpoint.write_text(json.dumps({"processed_cids": [962, 7, 8], "status": "Running"}))
    outcome = command_line("adopt", str(checkpoint), "-o", "rest.txt", "--dsn", dsn)
    assert (home / "rest.txt").read_text() == "7\n8\n"
    assert "2 CIDs have no row here." in outcome.stdout
    assert "`cryoasync run pubchem rest.txt`" in outcome.stdout


def test_counters_need_the_list_that_they_count(command_line: CommandLine, dsn: str, home: Path) -> None:
    """Of the list, what has no row is left to do, however far the importer says it came."""
    with_database(dsn, known_compound)
    checkpoint = home / "checkpoint.json"
    checkpoint.write_text(json.dumps({"last_completed_batch": 1, "total_processed": 2, "total_imported": 1}))
    told = json.loads(command_line("adopt", str(checkpoint), "--dsn", dsn, "--json").stdout)
    assert (told["gone_through"], told["imported_there"], told["still_to_import"]) == (2, 1, None)
    cids = home / "CID-Synonym-curated"
    cids.write_text("962\twater\n2244\taspirin\n3\tother\n")
    words = ("adopt", str(checkpoint), "--list", str(cids), "--rest", "rest.txt", "--dsn", dsn, "--json")
    told = json.loads(command_line(*words).stdout)
    assert (told["still_to_import"], told["rest"]) == (2, "rest.txt")
    assert (home / "rest.txt").read_text() == "2244\n3\n"


def test_what_was_adopted_is_not_asked_for_again(command_line: CommandLine, dsn: str, home: Path) -> None:
    """Where its age and what the importer asked for suffice: nobody is contacted at this address."""
    cache = written_cache(home / "c.sqlite", (2244, ASPIRIN, MARCH, "pubchem"))
    assert command_line("adopt", str(cache), "--dsn", dsn).exit_code == 0
    words = ("run", "pubchem", "2244", "--no-synonyms", "--max-age", "36500", "--patience", "0")
    url = "https://pubchem.ncbi.nlm.nih.gov.invalid/rest/pug"
    outcome = command_line(*words, "--base-url", url, "--dsn", dsn, "--json", "--no-cache")
    summary = json.loads(outcome.stdout)
    assert (outcome.exit_code, summary["imported"], summary["requests"]) == (0, 1, 0)


def test_real_answers_do_not_go_among_simulated_ones(command_line: CommandLine, dsn: str, home: Path) -> None:
    """Exit code 2, nothing written."""
    with_database(dsn, mark_simulated)
    cache = written_cache(home / "c.sqlite", (2244, ASPIRIN, MARCH, "pubchem"))
    outcome = command_line("adopt", str(cache), "--dsn", dsn, "--json")
    assert (outcome.exit_code, json.loads(outcome.stdout)["error"]["kind"]) == (2, "origin")
    assert with_database(dsn, rows) == []


def test_another_file_is_an_error_before_a_database_is_opened(command_line: CommandLine, home: Path) -> None:
    """With a hint at what is taken."""
    (home / "notes.txt").write_text("no checkpoint")
    outcome = command_line("adopt", "notes.txt", "--dsn", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert outcome.exit_code == 2
    assert "notes.txt is no JSON" in outcome.stderr
    assert (
        command_line("adopt", "absent.json", "--dsn", "postgresql://nobody@127.0.0.1:1/nowhere").exit_code
        == 2
    )
