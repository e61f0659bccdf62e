"""``cryoasync why``."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.runs.spool import SpooledEntry
from cryoasync.http.cache import ResponseCache
from cryoasync.http.cache_models import CacheProblem
from cryoasync.models import Entry, EntryResult, EntryState
from cryoasync.sources.pubchem.endpoints import SYNONYMS
from tests.cli.conftest import CommandLine
from tests.cli.seeds import ASPIRIN_KEY, mixed_run, with_database
from tests.integration.database.builders import batch_of, molecule, started_run, store_of


def told(command_line: CommandLine, dsn: str, key: str, *arguments: str) -> Any:
    """The one compound that a command tells of."""
    outcome = command_line("why", key, "--dsn", dsn, "--json", *arguments)
    assert outcome.exit_code == 0
    (compound,) = json.loads(outcome.stdout)["compounds"]
    return compound


@pytest.mark.parametrize("key", ["1", "CID1", " cid 1.0", ASPIRIN_KEY, ASPIRIN_KEY.lower()])
def test_an_imported_compound_is_found_by_any_of_its_names(
    command_line: CommandLine, dsn: str, key: str
) -> None:
    """Its row, its run, its request and what RDKit computed stand together."""
    run = with_database(dsn, mixed_run)
    compound = told(command_line, dsn, key)
    assert compound["source_id"] == "1"
    assert compound["row"]["molecular_weight"] == "180.160"
    assert compound["rdkit_descriptors"]["rdkit_version"] == "2026.09.1"
    (entry,) = compound["runs"]
    assert (entry["run_id"], entry["position"], entry["line"], entry["state"]) == (run.id, 0, 1, "imported")
    (request,) = compound["requests"]
    assert (request["endpoint"], request["status"], request["certain"]) == ("property", 200, True)
    assert (compound["failures"], compound["cache"]) == ([], [])


def test_a_failed_compound_tells_why(command_line: CommandLine, dsn: str) -> None:
    """State, reason and failure are those of the run."""
    with_database(dsn, mixed_run)
    compound = told(command_line, dsn, "4")
    assert compound["row"] is None
    assert compound["runs"][0]["reason"] == "too heavy"
    assert compound["failures"][0]["kind"] == "poison"
    text = command_line("why", "4", "--dsn", dsn).stdout
    assert "too heavy" in text
    assert "poison" in text


def test_a_pending_compound_has_no_request_yet(command_line: CommandLine, dsn: str) -> None:
    """It is known, though nothing was done about it."""
    with_database(dsn, mixed_run)
    compound = told(command_line, dsn, "6")
    assert (compound["runs"][0]["state"], compound["requests"]) == ("pending", [])


def test_an_answer_in_the_cache_is_told_with_its_age(command_line: CommandLine, dsn: str, home: Path) -> None:
    """Also of a compound that no run of this database asked for."""

    def fail(problem: CacheProblem) -> None:
        raise AssertionError(problem)

    async def fill() -> None:
        async with ResponseCache.open(home / "answers.sqlite", max_bytes=2**20, warn=fail) as cache:
            key = SYNONYMS.cache_key
            await cache.put_many("https://h.org:443", key, {"77": b"{}"}, fetched_at=time.time() - 1000)

    asyncio.run(fill())
    compound = told(command_line, dsn, "77", "--cache", "answers.sqlite", "--base-url", "https://h.org/pug")
    (answer,) = compound["cache"]
    assert answer["endpoint"] == "synonyms"
    assert answer["age_seconds"] >= 1000


@pytest.mark.parametrize("key", ["5", "AAAAAAAAAAAAAA-AAAAAAAAAA-N"])
def test_a_compound_never_asked_for_is_an_answer(command_line: CommandLine, dsn: str, key: str) -> None:
    """Exit code 0, and no cache is made for the question."""
    with_database(dsn, mixed_run)
    outcome = command_line("why", key, "--dsn", dsn)
    assert (outcome.exit_code, outcome.stdout.strip()) == (0, f"{key} was never asked for.")
    as_json = json.loads(command_line("why", key, "--dsn", dsn, "--json").stdout)
    assert as_json == {"key": key, "known": False, "message": "never asked for", "compounds": []}
    assert not Path("cache").exists()


@pytest.mark.parametrize("key", ["aspirin", "-1", "2147483648", "1.5", "AAAA-BBBB-C"])
def test_a_malformed_key_is_a_usage_error(command_line: CommandLine, key: str) -> None:
    """It is refused before any database is opened."""
    outcome = command_line("why", "--dsn", "postgresql://nobody@127.0.0.1:1/nowhere", "--", key)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "neither a CID" in outcome.stderr


def test_a_molecule_of_chembl_is_found_by_its_id_and_by_its_structure(
    command_line: CommandLine, dsn: str
) -> None:
    """Beside the compound of PubChem that has the same structure."""

    async def imported(database: Database) -> None:
        run = await started_run(database, [SpooledEntry("CHEMBL25")])
        row = molecule(
            "CHEMBL25", pref_name="ASPIRIN", standard_inchi_key=ASPIRIN_KEY, chembl_release="ChEMBL_37"
        )
        entry = Entry(position=0, source_id="CHEMBL25")
        result = EntryResult(entry=entry, state=EntryState.IMPORTED, rows=(row,))
        await store_of(database, run).commit(batch_of(result))
        async with database.transaction() as connection:
            await connection.execute("UPDATE cryoasync.runs SET source = 'chembl'")

    with_database(dsn, imported)
    compound = told(command_line, dsn, "chembl25")
    assert (compound["source"], compound["row"]["pref_name"]) == ("chembl", "ASPIRIN")
    assert [entry["state"] for entry in compound["runs"]] == ["imported"]
    assert told(command_line, dsn, ASPIRIN_KEY)["source_id"] == "CHEMBL25"
    assert "ChEMBL_37" in command_line("why", "CHEMBL25", "--dsn", dsn).stdout
