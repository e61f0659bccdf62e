"""One process a run: the second says so, a dead one is no obstacle, and a takeover ends the first."""

import socket
from signal import SIGTERM

from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import cids, query
from tests.end_to_end.waiting import wait_for

SLOWLY = ("--max-rate", "2")
AT_ONCE_SECONDS = 20.0
"""Below the half minute after which a process that does not show itself counts as dead."""


def words(simulator: RunningSimulator, dsn: str) -> tuple[str, ...]:
    where = ("--base-url", simulator.base_url, "--dsn", dsn)
    return ("run", "pubchem", "1-1000", *where, "--no-synonyms", "--chunk-size", "10", "--no-cache", "--json")


def test_a_second_start_waits_for_the_death_of_the_first(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """While the first lives the second ends with 75 and says why; once it was killed the next goes on at once."""
    command = words(at_once, dsn)
    first = cryoasync.start(*command, *SLOWLY)
    wait_for(lambda: cids(dsn))
    second = cryoasync(*command)
    assert (second.exit_code, second.error["kind"]) == (75, "run_held")
    assert f"process {first.process.pid} on {socket.gethostname()}" in second.error["message"]
    assert "--takeover" in second.error["hint"]

    first.process.kill()
    first.process.wait()
    third = cryoasync(*command, seconds=AT_ONCE_SECONDS)
    assert (third.exit_code, third.document["imported"]) == (0, 1000)
    assert third.document["already_done"] > 0
    assert cids(dsn) == list(range(1, 1001))


def test_of_equal_starts_at_the_same_moment_one_runs(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """Whoever comes first makes the run, and makes it once."""
    starts = [cryoasync.start(*words(at_once, dsn), *SLOWLY) for _ in range(3)]
    wait_for(lambda: sum(start.process.poll() is None for start in starts) == 1)
    [first] = [start for start in starts if start.process.poll() is None]
    wait_for(lambda: cids(dsn))
    first.signal(SIGTERM)
    for other in starts:
        assert other is first or f"process {first.process.pid} on " in other.end().error["message"]
    assert sorted(start.end().exit_code for start in starts) == [75, 75, 143]
    assert query(dsn, "SELECT status, epoch FROM cryoasync.runs") == [("stopped", 2)]
    assert at_once.statistics()["ids"] == len(cids(dsn))


def test_a_takeover_ends_the_process_that_held_the_run(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """The first process ends with 75 as soon as it notices, and has written nothing after the takeover."""
    command = words(at_once, dsn)
    first = cryoasync.start(*command, *SLOWLY)
    wait_for(lambda: cids(dsn))
    second = cryoasync(*command, "--takeover")
    fenced = first.end(AT_ONCE_SECONDS)
    assert (second.exit_code, second.document["imported"]) == (0, 1000)
    assert (fenced.exit_code, fenced.error["kind"]) == (75, "run_fenced")
    assert query(dsn, "SELECT status, imported, pending FROM cryoasync.runs") == [("finished", 1000, 0)]
    assert cids(dsn) == list(range(1, 1001))
