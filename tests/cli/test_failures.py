"""``cryoasync failures``."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.spool import SpooledEntry
from cryoasync.models import Entry, EntryState
from cryoasync.simulator.population import kept_path, load_molecules
from tests.cli.conftest import CommandLine
from tests.cli.seeds import mixed_run, with_database
from tests.end_to_end.commands import UNTHROTTLED
from tests.end_to_end.simulators import RunningSimulator, simulator_of
from tests.integration.database.builders import (
    batch_of,
    entry_result,
    failure,
    restarted,
    started_run,
    store_of,
)

AtOnce = Callable[..., AbstractContextManager[RunningSimulator]]


@pytest.fixture(scope="module")
def molecules() -> Path:
    """The file of the simulator's molecules, which are computed once on a machine."""
    load_molecules()
    return kept_path()


@pytest.fixture
def at_once(home: Path, molecules: Path, monkeypatch: pytest.MonkeyPatch) -> AtOnce:
    """Return a function that runs a simulator which answers at once and allows everything.

    While it does, the settings are for its address.
    """
    kept = home / "cache" / "cryoasync" / molecules.name
    kept.parent.mkdir(parents=True)
    kept.symlink_to(molecules)

    @contextmanager
    def run(*arguments: str) -> Iterator[RunningSimulator]:
        with simulator_of("--set", "policy=none", "--set", "latency=none", *arguments) as simulator:
            for name, value in (UNTHROTTLED | {"CRYOASYNC_PUBCHEM__BASE_URL": simulator.base_url}).items():
                monkeypatch.setenv(name, value)
            yield simulator

    return run


def listed(command_line: CommandLine, dsn: str, *words: str) -> dict[str, Any]:
    """What a list holds as JSON."""
    outcome = command_line("failures", "list", "--json", "--dsn", dsn, *words)
    assert outcome.exit_code == 0, outcome.stdout
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def ids(found: dict[str, Any]) -> list[str]:
    """The ids of a list, in its order."""
    return [entry["source_id"] for entry in found["failures"]]


async def two_runs(database: Database) -> Run:
    """The mixed run, and one after it in which three compounds failed and one was found after all."""
    await mixed_run(database)
    spooled = [SpooledEntry(str(cid), cid) for cid in (30, 9, 200, 7)]
    run = await started_run(database, spooled)
    failed = [
        replace(
            entry_result(
                position, EntryState.FAILED, failures=[replace(failure(0), source_id=entry.source_id)]
            ),
            entry=Entry(position=position, source_id=entry.source_id),
        )
        for position, entry in enumerate(spooled)
    ]
    await store_of(database, run).commit(batch_of(*failed))
    run = await restarted(database, run)
    found = replace(failed[3], state=EntryState.IMPORTED, failures=())
    await store_of(database, run).commit(batch_of(found, retried=True))
    return run


def test_the_unresolved_failures_of_the_latest_run_are_listed(command_line: CommandLine, dsn: str) -> None:
    """In the order of their ids; those of other runs where they are asked for."""
    run = with_database(dsn, two_runs)
    found = listed(command_line, dsn)
    assert (found["run_id"], found["state"], found["total"], found["not_shown"]) == (run.id, "failed", 3, 0)
    assert ids(found) == ["9", "30", "200"]
    assert found["failures"][0].items() >= {"kind": "poison", "message": "no", "attempts": 2}.items()
    assert ids(listed(command_line, dsn, "--run", str(run.id - 1))) == ["4"]
    everything = listed(command_line, dsn, "--all-runs")
    assert (everything["run_id"], ids(everything)) == (None, ["4", "9", "30", "200"])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("failed", {"source_id": "4", "kind": "poison", "message": "no"}),
        ("not_found", {"source_id": "3", "line": 3, "reason": "asked for alone, twice"}),
        ("invalid", {"source_id": "abc", "line": 5, "reason": "list.txt, line 5: not a number"}),
    ],
)
def test_a_state_is_listed_and_exported_with_its_reasons(
    command_line: CommandLine, dsn: str, home: Path, state: str, expected: dict[str, Any]
) -> None:
    """A table for people and for pipes, one object for programs, and every form that tables are exported in."""
    with_database(dsn, mixed_run)
    [entry] = listed(command_line, dsn, "--state", state)["failures"]
    assert entry.items() >= expected.items()
    header, line = command_line("failures", "list", "--state", state, "--dsn", dsn).stdout.splitlines()
    assert all(str(value) in line for value in expected.values())
    assert all(name.replace("_", " ") in header for name in expected)
    in_csv = command_line("failures", "export", "--state", state, "--dsn", dsn).stdout
    [row] = csv.DictReader(io.StringIO(in_csv, newline=""))
    assert row.items() >= {name: str(value) for name, value in expected.items()}.items()
    words = ("failures", "export", "-o", "out.jsonl", "--state", state, "--json", "--dsn", dsn)
    report = json.loads(command_line(*words).stdout)
    [row] = map(json.loads, (home / "out.jsonl").read_text().splitlines())
    assert row.items() >= expected.items()
    table = "failures" if state == "failed" else "run_entries"
    assert report.items() >= {"table": table, "rows": 1, "file": "out.jsonl", "format": "jsonl"}.items()


def test_a_long_list_says_how_much_it_leaves_out(command_line: CommandLine, dsn: str) -> None:
    """On stderr for people, so that a pipe holds rows alone; an export leaves nothing out."""
    with_database(dsn, two_runs)
    found = listed(command_line, dsn, "--limit", "1")
    assert (found["total"], found["not_shown"], ids(found)) == (3, 2, ["9"])
    outcome = command_line("failures", "list", "--limit", "1", "--dsn", dsn)
    assert len(outcome.stdout.splitlines()) == 2
    assert outcome.stderr.startswith("2 more are not shown")
    assert len(command_line("failures", "export", "--dsn", dsn).stdout.splitlines()) == 4


def test_whatever_a_file_holds_stays_on_its_line(command_line: CommandLine, dsn: str) -> None:
    """Brackets and colons are no markup, and control characters do not reach the terminal."""

    async def strange(database: Database) -> Run:
        text, reason = "[/bold] :smile: [red]", "\x1b[2Jand\nthen\tβ"
        return await started_run(database, [SpooledEntry(text, 1, EntryState.INVALID, reason)])

    with_database(dsn, strange)
    _, line = command_line("failures", "list", "--state", "invalid", "--dsn", dsn).stdout.splitlines()
    assert "[/bold] :smile: [red]" in line
    assert r"\x1b[2Jand\nthen\tβ" in line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Run {} has no unresolved failures."),
        (("--state", "not_found"), "Run {} has no entries that the source does not have."),
        (("--all-runs", "--state", "invalid"), "There are no invalid entries."),
    ],
)
def test_nothing_to_list_is_an_answer(
    command_line: CommandLine, dsn: str, words: tuple[str, ...], sentence: str
) -> None:
    """An empty table would be none."""
    run = with_database(dsn, lambda database: started_run(database, 2))
    outcome = command_line("failures", "list", *words, "--dsn", dsn)
    assert (outcome.exit_code, outcome.stdout) == (0, sentence.format(run.id) + "\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("list",), "no run yet"),
        (("list", "--run", "99"), "no run '99'"),
        (("export", "--run", "99"), "no run '99'"),
        (("retry",), "no run yet"),
        (("retry", "99"), "no run '99'"),
        (("list", "--run", "1", "--all-runs"), "exclude each other"),
        (("export", "--run", "1", "--all-runs"), "exclude each other"),
        (("retry", "1", "--run", "1"), "named twice"),
        (("list", "--state", "pending"), "'pending' is not one of"),
        (("export", "--json"), "rows need a file"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    command_line: CommandLine, dsn: str, words: tuple[str, ...], told: str
) -> None:
    """Nothing but the error is printed."""
    outcome = command_line("failures", *words, "--dsn", dsn)
    assert outcome.exit_code == 2
    assert told in outcome.stdout + outcome.stderr


def test_a_retry_imports_what_failed_before(
    command_line: CommandLine, dsn: str, home: Path, at_once: AtOnce
) -> None:
    """It needs a run's number alone: the settings that change rows are those the run was made with."""
    # Of even CIDs the source says that it failed itself: they are tried for half a minute.
    (home / "odd.txt").write_text("\n".join(str(cid) for cid in range(1, 121, 2)))
    retry = ("failures", "retry", "--no-cache", "--dsn", dsn, "--json")
    with at_once("--scenario", "poison", "--set", "poison.rate=0.1") as sick:
        first = command_line(
            *("run", "pubchem", "odd.txt", "--no-synonyms", "--rdkit", "off"),
            "--no-cache",
            "--dsn",
            dsn,
            "--json",
        )
        again = command_line(*retry)
    before = json.loads(first.stdout)
    assert 0 < before["failed"] < 60
    assert (first.exit_code, again.exit_code) == (1, 1)
    assert listed(command_line, dsn)["total"] == before["failed"] == json.loads(again.stdout)["failed"]
    (home / "odd.txt").unlink()

    with at_once("--port", str(urlsplit(sick.base_url).port)) as mended:
        healed = command_line(*retry, str(before["run_id"]))
        asked = mended.statistics()["ids"]
    after = json.loads(healed.stdout)
    assert healed.exit_code == 0
    assert after.items() >= {"run_id": before["run_id"], "status": "finished", "imported": 60}.items()
    assert (after["failed"], after["already_done"]) == (0, before["imported"])
    # Those that failed, and their properties alone.
    assert asked == before["failed"]
    assert listed(command_line, dsn)["total"] == 0
    # With nothing left, the summary for people.
    shown = command_line("failures", "retry", "--dsn", dsn)
    assert (shown.exit_code, shown.stdout.splitlines()[0].split()) == (
        0,
        ["run", str(before["run_id"]), "pubchem,", "finished"],
    )


def test_a_retry_settles_what_a_run_left_pending(
    command_line: CommandLine, dsn: str, at_once: AtOnce
) -> None:
    """Its summary tells of the whole run."""
    run = with_database(dsn, mixed_run)
    with at_once() as simulator:

        async def move(database: Database) -> None:
            async with database.transaction() as connection:
                await connection.execute("UPDATE cryoasync.runs SET base_url = $1", simulator.base_url)

        with_database(dsn, move)
        outcome = command_line("failures", "retry", "--run", "trial", "--no-cache", "--dsn", dsn, "--json")
    summary = json.loads(outcome.stdout)
    assert (outcome.exit_code, summary["run_id"]) == (0, run.id)
    states = {"requested": 6, "imported": 4, "not_found": 1, "invalid": 1, "failed": 0, "pending": 0}
    assert summary.items() >= states.items()


def test_a_run_at_work_cannot_be_retried(command_line: CommandLine, dsn: str) -> None:
    """The process that holds it is named."""
    with_database(dsn, mixed_run)
    program = [sys.executable, "-m", "tests.integration.database.holder", dsn]
    project = Path(__file__).parents[2]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=project) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        outcome = command_line("failures", "retry", "--json", "--dsn", dsn)
        holder.kill()
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (75, "run_held")
    assert f"process {holder.pid}" in error["message"]
