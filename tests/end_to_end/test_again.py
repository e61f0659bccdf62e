"""The same command again: what it means depends on how the run before it ended."""

from typing import Any

from tests.end_to_end.commands import UNTHROTTLED, CommandLine
from tests.end_to_end.conftest import AT_ONCE, Simulators
from tests.end_to_end.simulators import RunningSimulator, simulator_of
from tests.end_to_end.tables import Table, compounds, query, true_compounds, value
from tests.ports import free_port

VERSIONS = "SELECT cid, xmin::text, fetched_at, run_id FROM cryoasync.pubchem_compounds ORDER BY cid"


def run_of(words: tuple[str, ...], cryoasync: CommandLine, *more: str) -> dict[str, Any]:
    """Run the command to its good end."""
    ended = cryoasync(*words, *more)
    assert ended.exit_code == 0
    return ended.document


def test_a_clean_run_again_brings_up_to_date_what_is_old(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """An answer met a second time rewrites nothing; a newer one with equal values moves time and run alone."""
    words = ("run", "pubchem", "1-500", "--base-url", at_once.base_url, "--dsn", dsn, "--json")
    first = run_of(words, cryoasync)
    versions, content = query(dsn, VERSIONS), compounds(dsn)
    done = run_of(words, cryoasync)
    assert (done["run_id"], done["already_done"], done["requests"]) == (first["run_id"] + 1, 500, 0)
    restarted = run_of(words, cryoasync, "--restart")
    assert (restarted["already_done"], restarted["imported"], restarted["requests"]) == (0, 500, 0)
    assert restarted["database"]["rows"] == 500, "from the cache"
    assert query(dsn, VERSIONS) == versions

    refreshed = run_of(words, cryoasync, "--refresh")
    assert (refreshed["already_done"], refreshed["requests"]) == (0, first["requests"])
    assert compounds(dsn) == content
    for (cid, xmin, fetched_at, _), newer in zip(versions, query(dsn, VERSIONS), strict=True):
        assert newer == (cid, newer[1], newer[2], refreshed["run_id"])
        assert newer[1] != xmin
        assert newer[2] > fetched_at


def open_failures(dsn: str) -> Table:
    """Return what is in the table of failures and not mended yet."""
    return query(
        dsn,
        "SELECT source_id::integer, kind FROM cryoasync.failures WHERE resolved_at IS NULL ORDER BY 1",
    )


def tried(dsn: str) -> int:
    """Count the attempts at what failed."""
    attempts: int = value(dsn, "SELECT sum(attempts) FROM cryoasync.failures")
    return attempts


def test_a_run_with_failures_again_retries_those_alone(cryoasync: CommandLine, dsn: str) -> None:
    """A compound that poisons requests costs itself alone, until its source has mended it."""
    cryoasync.environment |= UNTHROTTLED
    at_once = (*AT_ONCE, "--port", str(free_port()))
    with simulator_of(*at_once, "--scenario", "poison", "--set", "poison.rate=0.02") as sick:
        # Of even CIDs the source says that it failed itself: they are tried for half a minute.
        records = [record for record in sick.records(1, 1000) if record["row"]["CID"] % 2]
        poison = {record["row"]["CID"]: record["poison"] for record in records if record["poison"]}
        kinds = sorted((cid, "poison" if len(on) == 2 else "synonyms") for cid, on in poison.items())
        numbers = [record["row"]["CID"] for record in records]
        (cryoasync.home / "odd.txt").write_text("".join(f"{cid}\n" for cid in numbers))
        where = ("--base-url", sick.base_url, "--dsn", dsn)
        words = ("run", "pubchem", "odd.txt", *where, "--no-cache", "--json")
        failed = cryoasync(*words)
        assert {kind for _, kind in kinds} == {"poison", "synonyms"}
        assert (failed.exit_code, failed.document["failed"]) == (1, len(kinds))
        assert failed.document["imported"] == len(numbers) - len(kinds)
        assert open_failures(dsn) == kinds
        assert compounds(dsn).keys() == set(numbers) - {cid for cid, kind in kinds if kind == "poison"}
        attempts = tried(dsn)

        sick.reset()
        still_failed = cryoasync(*words).document
        assert (still_failed["run_id"], still_failed["failed"]) == (failed.document["run_id"], len(kinds))
        assert open_failures(dsn) == kinds
        assert tried(dsn) > attempts
        assert sick.statistics()["ids"] < len(numbers)

    with simulator_of(*at_once) as mended:
        healed = run_of(words, cryoasync)
        assert (healed["imported"], healed["failed"], healed["requests"]) == (len(numbers), 0, 2)
        assert open_failures(dsn) == []
        truth = true_compounds(mended, 1, 1000)
        assert compounds(dsn) == {cid: truth[cid] for cid in numbers}


def test_what_no_table_takes_costs_its_compound_alone(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """A NUL in a title and a number of 33 bits are refused, one by one, in this start and in the next."""
    cryoasync.environment |= UNTHROTTLED
    spoiled = simulators(*AT_ONCE, "--scenario", "unstorable", "--set", "unstorable.rate=0.01")
    truth = true_compounds(spoiled, 1, 1000)
    refused = [
        cid for cid, one in truth.items() if "\x00" in one["title"] or one["heavy_atom_count"] == 2**32
    ]
    words = ("run", "pubchem", "1-1000", "--base-url", spoiled.base_url, "--dsn", dsn, "--no-cache", "--json")
    for requests in (10, 2):
        ended = cryoasync(*words)
        assert (ended.exit_code, ended.document["failed"]) == (1, len(refused))
        assert ended.document["requests"] == requests
        assert open_failures(dsn) == [(cid, "rejected_by_database") for cid in refused]
        assert compounds(dsn) == {cid: one for cid, one in truth.items() if cid not in refused}
