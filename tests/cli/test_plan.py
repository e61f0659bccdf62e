"""``cryoasync plan`` and ``cryoasync run --dry-run``."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


@pytest.mark.parametrize("command", [("plan", "pubchem"), ("run", "pubchem", "--dry-run")])
def test_a_plan_counts_requests_and_time_of_the_distinct_ids(
    command_line: CommandLine, home: Path, command: tuple[str, ...]
) -> None:
    """4,993 ids are 25 chunks, each asked for twice; (50 - 1) / 5 s and the last answer."""
    (home / "list.txt").write_text("1\n2\nabc\n2\n-5\n", encoding="utf-8")
    outcome = command_line(*command, "list.txt", "10-5000", "--json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    plan = json.loads(outcome.stdout)
    expected = {
        "source": "pubchem",
        "requested": 4995,
        "valid": 4993,
        "invalid": 2,
        "duplicates": 1,
        "chunk_size": 200,
        "requests": 50,
        "requests_per_second": 5.0,
    }
    assert plan.items() >= expected.items()
    assert plan["shortest_seconds"] == pytest.approx(49 / 5 + 0.3)
    assert plan["one_id_a_request"]["requests"] == 9986
    assert plan["invalid_examples"] == [
        "list.txt, line 3: 'abc' (not a number)",
        "list.txt, line 5: '-5' (negative)",
    ]


def test_a_plan_writes_nothing_and_needs_no_database(command_line: CommandLine, home: Path) -> None:
    """No server, no cache, no file."""
    outcome = command_line("plan", "pubchem", "1-10", "--dsn", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert outcome.exit_code == 0
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "requests", "seconds"),
    [
        (("1-1000", "--no-synonyms", "--chunk-size", "100"), 10, 9 / 5 + 0.3),
        (("1-1000", "--max-rate", "0.5"), 10, 9 / 0.5 + 0.3),
        (("1-1000", "--limit", "1"), 2, 1 / 5 + 0.3),
        (("1-1000", "--simulate", "--scenario", "unthrottled"), 10, 0.3),
    ],
)
def test_the_options_of_a_run_change_its_plan(
    command_line: CommandLine, arguments: tuple[str, ...], requests: int, seconds: float
) -> None:
    """Chunk size, synonyms, rate, limit and scenario are those the run would have."""
    plan = json.loads(command_line("plan", "pubchem", *arguments, "--json").stdout)
    assert (plan["requests"], plan["shortest_seconds"]) == (requests, pytest.approx(seconds))


def test_above_a_million_ids_the_dumps_are_recommended(command_line: CommandLine) -> None:
    """Asking politely for more would take hours that one download saves."""
    few, many = (command_line("plan", "pubchem", f"1-{count}").stdout for count in (1_000_000, 1_000_001))
    assert "https://ftp.ncbi.nlm.nih.gov/pubchem/" not in few
    assert "https://ftp.ncbi.nlm.nih.gov/pubchem/" in many


def test_an_input_without_ids_has_no_plan(command_line: CommandLine) -> None:
    """The error is the one that the run would meet."""
    outcome = command_line("plan", "pubchem", "missing.txt")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "missing.txt" in outcome.stderr


def test_a_plan_for_chembl_counts_one_request_a_chunk(command_line: CommandLine, home: Path) -> None:
    """By its own rate; what is no ChEMBL id is told of."""
    (home / "list.csv").write_text("name,ChEMBL ID\na,CHEMBL5\nb,chembl5\nc,25\n", encoding="utf-8")
    outcome = command_line("plan", "chembl", "list.csv", "CHEMBL1-CHEMBL1000", "--json")
    plan = json.loads(outcome.stdout)
    assert (plan["valid"], plan["invalid"], plan["duplicates"]) == (1000, 1, 2)
    assert (plan["requests"], plan["requests_per_second"]) == (5, 3.0)
    assert plan["invalid_examples"] == ["list.csv, line 4: '25' (not CHEMBL and a number)"]


@pytest.mark.parametrize(
    ("words", "most", "requests"),
    [
        (("--all",), 2_921_148, 2922),
        (("--where", "max_phase__gte=1"), 2_921_148, 2922),
        (("--all", "--limit", "2500"), 2500, 3),
    ],
)
def test_a_plan_for_a_list_tells_what_it_takes_at_most(
    command_line: CommandLine, words: tuple[str, ...], most: int, requests: int
) -> None:
    """Nobody is asked how long the list is."""
    for command in (("plan", "chembl"), ("run", "chembl", "--dry-run")):
        plan = json.loads(command_line(*command, *words, "--json").stdout)
        assert (plan["requested_at_most"], plan["requests_at_most"]) == (most, requests)
    assert f"at most {requests:,}" in command_line("plan", "chembl", *words).stdout


def test_a_plan_for_ids_and_a_list_at_once_is_refused(command_line: CommandLine) -> None:
    """As the run would be."""
    outcome = command_line("plan", "chembl", "CHEMBL25", "--all", "--json")
    assert outcome.exit_code == 2
    assert "CHEMBL25 is given beside conditions" in json.loads(outcome.stdout)["error"]["message"]
