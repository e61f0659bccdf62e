"""``cryoasync cache warm``: answers fetched ahead of an import."""

import signal
import sqlite3
from contextlib import closing

from cryoasync.database.embedded import EmbeddedServer
from cryoasync.simulator.faults import Poison
from cryoasync.simulator.questions import Endpoint
from tests.end_to_end.commands import CommandLine, Ended
from tests.end_to_end.conftest import AT_ONCE, Simulators
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import query, value
from tests.end_to_end.waiting import wait_for

HUNDRED_AT_ONCE = (*("--chunk-size", "100"), *("--progress", "none"))


def warm(cryoasync: CommandLine, *words: str) -> Ended:
    """Run the command to its end."""
    return cryoasync("cache", "warm", *words, *HUNDRED_AT_ONCE, "--json")


def told(ended: Ended, *names: str) -> list[int]:
    """Return some numbers of what a command printed."""
    return [ended.document[name] for name in names]


def test_only_what_the_cache_lacks_is_asked_for_and_that_together(
    cryoasync: CommandLine, at_once: RunningSimulator
) -> None:
    """Gaps of a few ids here and there become full requests, and no database is made for it."""
    gaps = range(50, 5000, 50)
    (cryoasync.home / "list.txt").write_text("".join(f"{cid}\n" for cid in range(1, 5001) if cid not in gaps))
    first = warm(cryoasync, "list.txt", "4901", "4902")
    assert first.exit_code == 0
    assert told(first, "requested", "at_hand", "fetched", "duplicates") == [4901, 0, 4901, 2]
    at_once.reset()
    second = warm(cryoasync, "1-5000")
    assert told(second, "requested", "at_hand", "fetched") == [5000, 4901, 99]
    assert at_once.statistics()["endpoints"] == {"property": 1, "synonyms": 1}
    assert not (cryoasync.home / "data").exists()


def test_an_import_after_it_asks_nothing(cryoasync: CommandLine, at_once: RunningSimulator, dsn: str) -> None:
    """Every compound comes from the cache, whichever way the first command asked for it."""
    assert warm(cryoasync, "1-300").exit_code == 0
    seen = at_once.statistics()["requests"]
    imported = cryoasync("run", "pubchem", "1-300", "--dsn", dsn, "--json")
    assert (imported.exit_code, imported.document["imported"], imported.document["requests"]) == (0, 300, 0)
    assert at_once.statistics()["requests"] == seen
    lookups = cryoasync("cache", "stats", "--json").document
    assert (lookups["hits"], lookups["misses"]) == (600, 600)


def test_what_is_old_or_was_never_asked_for_is_fetched(
    cryoasync: CommandLine, at_once: RunningSimulator
) -> None:
    """Synonyms alone where only they are lacking; all where answers count as old, or must be new."""
    warm(cryoasync, "1-100", "--no-synonyms")
    assert told(warm(cryoasync, "1-100"), "at_hand", "fetched") == [0, 100]
    assert at_once.statistics()["endpoints"] == {"property": 1, "synonyms": 1}
    for option in (("--refresh",), ("--max-age", "0")):
        assert told(warm(cryoasync, "1-100", *option), "at_hand", "fetched", "requests") == [0, 100, 2]
    assert told(warm(cryoasync, "1-100"), "at_hand", "fetched", "requests") == [100, 0, 0]


def test_each_entry_is_accounted_for_and_a_failure_is_named(
    cryoasync: CommandLine, simulators: Simulators, at_once: RunningSimulator
) -> None:
    """Absent and impossible ids are answers; a compound that breaks every request makes the exit code 1."""
    (cryoasync.home / "list.txt").write_text("1\n2\nwater\n5001\n2\n")
    ended = warm(cryoasync, "list.txt")
    assert ended.exit_code == 0
    assert told(ended, "requested", "fetched", "not_found", "invalid", "failed") == [4, 2, 1, 1, 0]

    poison = Poison(rate=0.02, synonyms_only=0)
    cid = next(cid for cid in range(3, 5000, 2) if poison.fault_of(0, Endpoint.PROPERTY, cid))
    poisonous = simulators(*AT_ONCE, "--set", "poison.rate=0.02", "--set", "poison.synonyms_only=0")
    ended = warm(cryoasync, str(cid - 1), str(cid), "--base-url", poisonous.base_url)
    assert ended.exit_code == 1
    assert told(ended, "fetched", "failed") == [1, 1]
    (failure,) = ended.document["failures"]
    assert (failure["source_id"], failure["kind"]) == (str(cid), "poison")
    assert f"{cid}: poison" in cryoasync("cache", "warm", str(cid), "--base-url", poisonous.base_url).stdout


def test_a_signal_leaves_what_was_fetched(cryoasync: CommandLine, at_once: RunningSimulator) -> None:
    """The same command again asks for the rest only."""
    words = ("cache", "warm", "1-400", *HUNDRED_AT_ONCE[2:], "--chunk-size", "10", "--no-synonyms", "--json")
    running = cryoasync.start(*words, "--max-rate", "10")
    wait_for(lambda: at_once.statistics()["requests"] > 3)
    running.signal(signal.SIGTERM)
    stopped = running.end()
    fetched, pending = told(stopped, "fetched", "pending")
    assert (stopped.exit_code, stopped.document["status"], fetched + pending) == (143, "stopped", 400)
    assert 0 < fetched == at_once.statistics()["ids"]
    assert told(cryoasync(*words), "at_hand", "fetched") == [fetched, pending]


def test_answers_that_could_not_be_kept_are_not_passed_off_as_fetched(
    cryoasync: CommandLine, at_once: RunningSimulator
) -> None:
    """Where another program holds the file the command ends with an error."""
    warm(cryoasync, "1")
    with closing(sqlite3.connect(cryoasync.home / "cache" / "cryoasync" / "responses.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = warm(cryoasync, "1-100")
    assert (ended.exit_code, ended.error["kind"]) == (2, "usage")
    assert "cannot be used: database is locked" in ended.error["message"]
    assert told(ended, "at_hand", "fetched") == [1, 0]


def test_a_dsn_shares_the_rate_budget_and_gets_nothing_else(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """Other machines that import into the database send from the same address perhaps."""
    assert warm(cryoasync, "1-10", "--dsn", dsn, "--max-rate", "50").exit_code == 0
    assert query(dsn, "SELECT host FROM cryoasync.rate_budgets") == [
        (at_once.base_url.removesuffix("/rest/pug"),)
    ]
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 0
    assert value(dsn, "SELECT count(*) FROM cryoasync.pubchem_compounds") == 0


def test_a_shared_budget_out_of_reach_beyond_the_patience_ends_it(
    cryoasync: CommandLine, at_once: RunningSimulator, embedded: EmbeddedServer
) -> None:
    """Nobody is asked without a permit, and nothing waits for ever."""
    url = cryoasync("db", "url", "--json").document["url"]
    words = ("cache", "warm", "1-1000", "--chunk-size", "5", "--max-rate", "5", "--dsn", url)
    running = cryoasync.start(*words, "--patience", "1", "--json")
    wait_for(lambda: at_once.statistics()["requests"] > 3)
    assert cryoasync("db", "down").exit_code == 0
    ended = running.end()
    assert (ended.exit_code, ended.error["kind"], ended.document["status"]) == (
        4,
        "database_unavailable",
        "paused",
    )
    assert ended.document["pending"] > 0
