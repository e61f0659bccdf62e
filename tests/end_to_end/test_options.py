"""What each option of a run changes, seen in the database or by the source."""

from itertools import pairwise
from statistics import fmean

from tests.end_to_end.commands import UNTHROTTLED, CommandLine
from tests.end_to_end.conftest import Simulators
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import cids, value

SYNONYMS = "SELECT count(synonyms) FROM cryoasync.pubchem_compounds"
DESCRIPTORS = "SELECT count(*) FROM cryoasync.rdkit_descriptors"


def run(cryoasync: CommandLine, simulator: RunningSimulator, dsn: str, *words: str) -> None:
    """Run a command to its good end."""
    where = ("--base-url", simulator.base_url, "--dsn", dsn)
    ended = cryoasync("run", "pubchem", *words, *where, "--no-cache", "--json")
    assert ended.exit_code == 0, ended.stdout


def test_what_is_asked_for_and_computed_is_what_the_options_say(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """Ids a request, their number, synonyms and descriptors, each one way and then the other."""
    few = ("1-5000", "--limit", "95", "--chunk-size", "10")
    run(cryoasync, at_once, dsn, *few, "--no-synonyms", "--rdkit", "all")
    seen = at_once.statistics()
    assert (seen["endpoints"], seen["ids"]) == ({"property": 10}, 95)
    assert cids(dsn) == list(range(1, 96))
    assert value(dsn, SYNONYMS) == 0
    assert value(dsn, DESCRIPTORS) == 95

    at_once.reset()
    run(cryoasync, at_once, dsn, "1-105", "--chunk-size", "20-40", "--synonyms", "--rdkit", "off")
    seen = at_once.statistics()
    assert (seen["endpoints"], seen["ids"]) == ({"property": 3, "synonyms": 3}, 210)
    assert value(dsn, SYNONYMS) == 105
    assert value(dsn, DESCRIPTORS) == 95


def test_requests_come_one_by_one_or_at_the_rate_that_is_set(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """In sequence each comes after the answer to the one before; else at once, but no faster than the rate."""
    latency_seconds, rate = 0.3, 5
    simulator = simulators(
        *("--set", "policy=none", "--set", f"latency.base_seconds={latency_seconds}"),
        *("--set", "latency.per_id_seconds=0", "--set", "latency.sigma=0"),
    )
    cryoasync.environment |= UNTHROTTLED
    run(cryoasync, simulator, dsn, "1-40", "--chunk-size", "10", "--no-synonyms", "--sequential")
    assert min(gaps(simulator)) >= latency_seconds
    simulator.reset()
    run(cryoasync, simulator, dsn, "41-100", "--chunk-size", "10", "--no-synonyms", "--max-rate", str(rate))
    # In the mean, since the first of all may arrive late, and so shortly before the second.
    assert fmean(gaps(simulator)) > 0.8 / rate
    assert min(gaps(simulator)) < latency_seconds


def gaps(simulator: RunningSimulator) -> list[float]:
    """Return the seconds from each arrival to the next."""
    arrivals = simulator.statistics()["arrivals"]
    return [later - earlier for earlier, later in pairwise(arrivals)]


def test_a_dry_run_contacts_nobody_and_writes_nothing(
    cryoasync: CommandLine, at_once: RunningSimulator
) -> None:
    """Not even the embedded server is made."""
    before = sorted(cryoasync.home.rglob("*"))
    ended = cryoasync("run", "pubchem", "1-5000", "--base-url", at_once.base_url, "--dry-run", "--json")
    assert (ended.exit_code, ended.document["requests"]) == (0, 50)
    assert at_once.statistics()["requests"] == 0
    after = {path for path in cryoasync.home.rglob("*") if path.suffix not in {".stdout", ".stderr"}}
    assert after == set(before)
