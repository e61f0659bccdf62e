"""kill -9 at any moment: the same command goes on as if nothing had been."""

import random
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from statistics import median
from subprocess import TimeoutExpired

import pytest

from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.opening import SIMULATED_DATABASE
from tests.end_to_end.commands import GUARDED, UNTHROTTLED_BY_SOURCE, CommandLine, Running
from tests.end_to_end.conftest import AT_ONCE, Simulators
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds_so_far, query, run_free_tables, value
from tests.end_to_end.waiting import wait_for

SEED = 22
LATEST_KILL_SECONDS = 2.6
SLOWER_AT_MOST = 4.0
"""How many times the first start's time to its first request most later ones may take, permits of the dead included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """An import that is killed again and again.

    Attributes:
        source: what it is from.
        words: what is imported, and how.
        kills: how often.
        requests: at the latest after so many more requests a kill comes; ``None`` leaves it to the clock.
        distinct: ids that the entries have in the end.
    """

    source: str
    words: tuple[str, ...]
    kills: int
    requests: int | None = None
    distinct: int

    def command(self, simulator: RunningSimulator, dsn: str) -> tuple[str, ...]:
        """The command."""
        where = ("--base-url", simulator.base_url_of(self.source), "--dsn", dsn, "--no-cache", "--json")
        return ("run", self.source, *self.words, *where)


def has_seen(simulator: RunningSimulator, source: str, requests: int, running: Running) -> bool:
    """Tell whether so many requests have arrived in all, or none will any more."""
    return simulator.statistics(source)["requests"] >= requests or running.process.poll() is not None


IMPORTS = [
    Killed(
        source="pubchem",
        words=("list.txt", "--chunk-size", "80", "--rdkit", "all"),
        kills=8,
        distinct=1211,
    ),
    # The list of ChEMBL is read by its places, which take their ids with each page.
    Killed(source="chembl", words=("--all", "--rdkit", "off"), kills=5, requests=8, distinct=6975),
]


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("killed", IMPORTS, ids=lambda killed: killed.source)
def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(
    cryoasync: CommandLine, simulators: Simulators, dsn: str, empty_dsn: str, killed: Killed
) -> None:
    """Nothing is missing or double, nobody is left behind, and all starts together keep to the policy."""
    cids = [*range(1, 1201), 5001, "no CID", *range(5002, 5011), 1]
    (cryoasync.home / "list.txt").write_text("".join(f"{cid}\n" for cid in cids))
    undisturbed = killed.command(simulators(*AT_ONCE), empty_dsn)
    assert cryoasync(*undisturbed, environment=UNTHROTTLED_BY_SOURCE[killed.source]).exit_code == 0

    simulator = simulators()
    cryoasync.environment |= GUARDED
    words = killed.command(simulator, dsn)
    rng = random.Random(SEED)
    waits = []
    for _ in range(killed.kills):
        arrivals = len(simulator.statistics(killed.source)["arrivals"])
        running = cryoasync.start(*words)
        if killed.requests is None:
            with suppress(TimeoutExpired):
                running.process.wait(rng.uniform(0.2, LATEST_KILL_SECONDS))
        else:
            enough = arrivals + rng.randint(1, killed.requests)
            wait_for(partial(has_seen, simulator, killed.source, enough, running))
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not cryoasync.processes(), seconds=10)
        later = simulator.statistics(killed.source)["arrivals"][arrivals:]
        if later:
            waits.append(simulator.reset_at + later[0] - running.started_at)
    left = query(dsn, "SELECT pending FROM cryoasync.runs")
    ended = cryoasync(*words)
    seen = simulator.statistics(killed.source)

    assert left != [(0,)], "the kills came too late"
    assert ended.exit_code == 0
    assert run_free_tables(dsn) == run_free_tables(empty_dsn)
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 1
    assert value(dsn, "SELECT count(DISTINCT source_id) FROM cryoasync.run_inputs") == killed.distinct
    assert (seen["violations"], seen["refused"]) == (0, 0)
    assert median(waits[1:]) < SLOWER_AT_MOST * waits[0]


def test_a_killed_run_takes_its_simulator_with_it(cryoasync: CommandLine, embedded: EmbeddedServer) -> None:
    """A simulator and RDKit processes of a run's own end with it; the embedded server stays for the next start."""
    words = ("run", "pubchem", "1-1000", "--simulate", "--scenario", "unthrottled", "--json")
    options = ("--chunk-size", "50", "--rdkit", "all", "--no-synonyms", "--max-rate", "20")
    running = cryoasync.start(*words, *options)
    wait_for(lambda: compounds_so_far(embedded, SIMULATED_DATABASE))
    helpers = [process.cmdline() for process in cryoasync.processes() if process.pid != running.process.pid]
    running.process.kill()
    running.process.wait()
    wait_for(lambda: not cryoasync.processes(), seconds=10)
    again = cryoasync(*words, *options)

    assert any("simulate" in helper for helper in helpers)
    assert any("cryoasync.chemistry.worker" in helper for helper in helpers)
    assert (again.exit_code, again.document["imported"]) == (0, 1000)
    assert again.document["already_done"] > 0
    assert compounds_so_far(embedded, SIMULATED_DATABASE) == 1000
