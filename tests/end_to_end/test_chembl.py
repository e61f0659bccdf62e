"""Imports from ChEMBL: by id, by conditions, and all of it."""

import pytest

from tests.end_to_end.commands import UNTHROTTLED_BY_SOURCE, CommandLine
from tests.end_to_end.conftest import Simulators
from tests.end_to_end.molecules import listed_molecules, molecules
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import query, states, value

AT_ONCE = ("--set", "latency=none")
UNTHROTTLED = UNTHROTTLED_BY_SOURCE["chembl"]
STATES = ("imported", "not_found", "invalid", "failed", "pending")


@pytest.fixture
def at_once(simulators: Simulators, cryoasync: CommandLine) -> RunningSimulator:
    """A ChEMBL that answers at once; nor do the commands of this test wait."""
    simulator = simulators(*AT_ONCE)
    cryoasync.environment |= UNTHROTTLED | {"CRYOASYNC_CHEMBL__BASE_URL": simulator.chembl_base_url}
    return simulator


def test_ids_arrive_exact_to_the_field(cryoasync: CommandLine, at_once: RunningSimulator, dsn: str) -> None:
    """5,000 of them, with some that do not exist and some that are none, in 27 requests."""
    (cryoasync.home / "ids.csv").write_text(
        "name;ChEMBL ID\n" + "".join(f"x;chembl{number}\n" for number in range(1, 5001)) + "y;CHEMBL1\nz;25\n"
    )
    ended = cryoasync(
        "run", "chembl", "ids.csv", "CHEMBL90001-CHEMBL90010", "--dsn", dsn, "--no-cache", "--json"
    )
    summary, seen = ended.document, at_once.statistics("chembl")
    truth = listed_molecules(at_once)
    assert ended.exit_code == 0
    assert molecules(dsn) == {f"CHEMBL{number}": truth[f"CHEMBL{number}"] for number in range(1, 5001)}
    assert [summary[state] for state in STATES] == [5000, 10, 1, 0, 0]
    assert (summary["requested"], summary["duplicates"], summary["errors"]) == (5011, 1, {})
    # One for the release, 26 chunks, and one more to see that what is absent does not exist.
    assert (seen["requests"], summary["requests"]) == (28, 28)
    assert value(dsn, "SELECT count(*) FROM cryoasync.requests") == 28
    assert (
        value(dsn, "SELECT string_agg(DISTINCT chembl_release, ',') FROM cryoasync.chembl_molecules")
        == "ChEMBL_37"
    )


def test_the_whole_list_arrives_exact_to_the_field(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """In pages of a thousand, none of which reaches across a border."""
    ended = cryoasync("run", "chembl", "--all", "--rdkit", "off", "--dsn", dsn, "--json")
    summary, seen, truth = ended.document, at_once.statistics("chembl"), listed_molecules(at_once)
    assert ended.exit_code == 0
    assert molecules(dsn) == truth
    assert [summary[state] for state in STATES] == [len(truth), 0, 0, 0, 0]
    assert {source_id for source_id, _ in states(dsn)} == truth.keys()
    # Release and length before; release, seven pages, release and length after.
    assert (seen["requests"], summary["requests"]) == (12, 10)


def test_conditions_are_all_fulfilled(cryoasync: CommandLine, at_once: RunningSimulator, dsn: str) -> None:
    """By exactly those that were imported."""
    conditions = ("--where", "molecule_properties__full_mwt__lte=200", "--where", "max_phase__gte=1")
    ended = cryoasync("run", "chembl", *conditions, "--dsn", dsn, "--json")
    truth = {
        chembl_id: molecule
        for chembl_id, molecule in listed_molecules(at_once).items()
        if float(molecule["full_mwt"] or "inf") <= 200 and float(molecule["max_phase"] or 0) >= 1
    }
    assert (ended.exit_code, ended.document["imported"]) == (0, len(truth))
    assert molecules(dsn) == truth


def test_conditions_that_nothing_fulfils_bring_nothing(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """That is an answer, and no failure."""
    ended = cryoasync("run", "chembl", "--where", "max_phase__gte=5", "--dsn", dsn, "--json")
    assert (ended.exit_code, ended.document["status"]) == (0, "finished")
    assert (ended.document["requested"], ended.document["success_rate"]) == (0, None)
    assert at_once.statistics("chembl")["ids"] < 100


REFUSED = {
    ("--where", "full_mwt__lte=500"): "ChEMBL knows no field 'full_mwt'",
    ("--where", "max_phse__gte=1"): "no field 'max_phse'",
    ("--where", "molecule_properties__mass__gte=1"): "no field 'mass'",
    ("--where", "max_phase__above=1"): "refuses the filter max_phase__above=1",
    ("--where", "molecule_chembl_id__startswith=C"): "molecule_chembl_id__startswith=C excludes no molecule",
    ("--where", "max_phase"): "'max_phase' is no condition",
    ("CHEMBL25", "--all"): "CHEMBL25 is given beside conditions",
    ("--where", "max_phase__gte=1", "--all"): "contradict",
    (): "No input is given",
}


def test_what_chembl_would_pass_over_or_refuse_is_said_before_a_run_is_made(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """With the name of the condition."""
    started = {words: cryoasync.start("run", "chembl", *words, "--dsn", dsn, "--json") for words in REFUSED}
    for words, running in started.items():
        ended = running.end()
        assert (ended.exit_code, REFUSED[words] in ended.error["message"]) == (2, True), ended.error
        assert words or "--where" in ended.error["hint"]
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 0
    assert at_once.statistics("chembl")["ids"] < 100


def test_a_release_in_the_middle_loses_no_molecule(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """All that the new one lists is there, none twice, and it is told of."""
    simulator = simulators("--scenario", "new_release", *AT_ONCE, "--set", "chembl.changes_after_requests=7")
    words = ("--rdkit", "off", "--base-url", simulator.chembl_base_url, "--dsn", dsn, "--json")
    ended = cryoasync("run", "chembl", "--all", *words, environment=UNTHROTTLED)
    stored, truth, summary = molecules(dsn), listed_molecules(simulator), ended.document
    imported = [source_id for source_id, state in states(dsn) if state == "imported"]
    assert ended.exit_code == 0, ended.stderr
    assert {key: stored.get(key) for key in truth} == truth
    assert len(imported) == len(set(imported)) == len(stored) == summary["imported"] > len(truth)
    assert summary["requested"] == sum(summary[state] for state in STATES)
    assert (summary["failed"], summary["pending"]) == (0, 0)
    assert "ChEMBL's list changed" in ended.stderr
    releases = query(dsn, "SELECT DISTINCT chembl_release FROM cryoasync.chembl_molecules")
    assert {release for (release,) in releases} == {"ChEMBL_37", "ChEMBL_38"}
    # What was looked for once is not looked for again while the list stays as it is.
    before = simulator.statistics("chembl")["requests"]
    retried = cryoasync("failures", "retry", "--dsn", dsn, "--json", environment=UNTHROTTLED)
    assert (retried.exit_code, retried.document["imported"]) == (0, summary["imported"])
    assert simulator.statistics("chembl")["requests"] == before + 2


def test_failures_of_a_list_are_tried_again_by_their_ids(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """Molecules that no database takes fail alone, and arrive once they are mended."""
    simulator = simulators("--scenario", "unstorable", *AT_ONCE)
    wanted = ("--where", "molecule_properties__full_mwt__lte=200", "--rdkit", "off", "--dsn", dsn, "--json")
    ended = cryoasync(
        "run", "chembl", *wanted, "--base-url", simulator.chembl_base_url, environment=UNTHROTTLED
    )
    failed = {source_id for source_id, state in states(dsn) if state == "failed"}
    summary, kept = ended.document, molecules(dsn)
    assert (ended.exit_code, summary["failed"], summary["pending"]) == (1, len(failed), 0)
    assert 0 < len(failed) < 20
    healthy = simulators(*AT_ONCE)
    query(dsn, "UPDATE cryoasync.runs SET base_url = $1", healthy.chembl_base_url)
    retried = cryoasync("failures", "retry", "--dsn", dsn, "--json", environment=UNTHROTTLED)
    truth = listed_molecules(healthy)
    assert (retried.exit_code, retried.document["failed"]) == (0, 0)
    assert molecules(dsn) == kept | {chembl_id: truth[chembl_id] for chembl_id in failed}


def test_a_limit_takes_the_first_places_whatever_moves(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """A new release in the middle brings no more than was asked for."""
    simulator = simulators("--scenario", "new_release", *AT_ONCE, "--set", "chembl.changes_after_requests=4")
    words = ("--limit", "1500", "--rdkit", "off", "--base-url", simulator.chembl_base_url, "--dsn", dsn)
    ended = cryoasync("run", "chembl", "--all", *words, "--json", environment=UNTHROTTLED)
    assert (ended.exit_code, ended.document["requested"]) == (0, 1500)
    assert ended.document["imported"] + ended.document["not_found"] == 1500
    assert value(dsn, "SELECT count(*) FROM cryoasync.chembl_molecules") == ended.document["imported"]
