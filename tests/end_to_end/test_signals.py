"""Stopping a run: the first signal finishes what is in hand, the second ends at once, and nothing is lost."""

import fcntl
import os
import subprocess
import termios
from functools import partial
from signal import SIGINT, SIGTERM

import pytest

from tests.end_to_end.commands import UNTHROTTLED, UNTHROTTLED_BY_SOURCE, CommandLine
from tests.end_to_end.conftest import Simulators
from tests.end_to_end.molecules import listed_molecules, molecules
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import cids, imported, query, states, value
from tests.end_to_end.waiting import wait_for

SECONDS_TO_STOP = 10.0


def is_empty(pipe: int) -> bool:
    """Tell whether all that was written into a pipe has been read."""
    return not any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))


def has_more_than(dsn: str, compounds: int) -> bool:
    """Tell whether more compounds are imported than before."""
    return imported(dsn) > compounds


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (1500, ("pubchem", "1-1500", "--no-synonyms", "--chunk-size", "20")),
        (800, ("chembl", "CHEMBL1-CHEMBL800", "--rdkit", "off", "--chunk-size", "10")),
    ],
    ids=("pubchem", "chembl"),
)
def test_a_signal_stops_a_run_that_goes_on_where_it_was(
    cryoasync: CommandLine, simulators: Simulators, dsn: str, total: int, words: tuple[str, ...]
) -> None:
    """Every answer that was asked for is saved, and no compound is ever asked for twice."""
    simulator = simulators("--set", "policy=none", "--set", "latency.base_seconds=0.4")
    source = words[0]
    cryoasync.environment |= UNTHROTTLED_BY_SOURCE[source]
    where = ("--base-url", simulator.base_url_of(source), "--dsn", dsn, "--no-cache", "--json")
    command = ("run", *words, *where)
    saved = 0
    for number, exit_code in ((SIGTERM, 143), (SIGINT, 130)):
        running = cryoasync.start(*command)
        wait_for(partial(has_more_than, dsn, saved))
        running.signal(number)
        stopped = running.end(SECONDS_TO_STOP)
        assert (stopped.exit_code, stopped.document["status"]) == (exit_code, "stopped")
        assert "a second signal stops at once" in stopped.stderr
        assert stopped.document["already_done"] == saved
        saved = imported(dsn)
        assert simulator.statistics(source)["ids"] == saved
        assert (stopped.document["imported"], stopped.document["pending"]) == (saved, total - saved)
        assert cryoasync.processes() == []
    assert 0 < saved < total
    resumed = cryoasync(*command)
    assert (resumed.exit_code, resumed.document["run_id"]) == (0, stopped.document["run_id"])
    assert simulator.statistics(source)["ids"] == total
    assert [state for (state,) in states(dsn, ["state"])] == ["imported"] * total


def has_seen(simulator: RunningSimulator, requests: int) -> bool:
    """Tell whether so many requests for ChEMBL have arrived."""
    return int(simulator.statistics("chembl")["requests"]) >= requests


def test_a_signal_while_a_list_is_read_again_leaves_its_run_stopped(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """Nothing is pending then, and yet it is not known whether anything was missed."""
    release = ("--scenario", "new_release", "--set", "chembl.changes_after_requests=6")
    simulator = simulators(*release, "--set", "latency.base_seconds=0.3", "--set", "latency.per_id_seconds=0")
    cryoasync.environment |= UNTHROTTLED_BY_SOURCE["chembl"]
    where = ("--base-url", simulator.chembl_base_url, "--dsn", dsn, "--json")
    command = ("run", "chembl", "--all", "--rdkit", "off", *where)
    running = cryoasync.start(*command)
    # Length and release before; release, seven pages, release and length after; then the ids, page by page.
    wait_for(partial(has_seen, simulator, 14))
    running.signal(SIGTERM)
    stopped = running.end(SECONDS_TO_STOP)
    assert (stopped.exit_code, stopped.document["status"], stopped.document["pending"]) == (143, "stopped", 0)
    resumed = cryoasync(*command)
    assert (resumed.exit_code, resumed.document["run_id"]) == (0, stopped.document["run_id"])
    assert listed_molecules(simulator).keys() <= molecules(dsn).keys()


def test_a_run_whose_terminal_is_closed_saves_what_is_in_hand(
    cryoasync: CommandLine, simulators: Simulators, dsn: str
) -> None:
    """The system sends SIGHUP then, and nobody reads any more what is said of it."""
    simulator = simulators("--set", "policy=none", "--set", "latency.base_seconds=0.4")
    shown_to, terminal = os.openpty()
    # Who leads a session gets the first terminal it opens.
    cryoasync.prefix = ("sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(terminal))
    where = ("--base-url", simulator.base_url, "--dsn", dsn, "--no-cache", "--progress", "none")
    words = ("run", "pubchem", "1-1500", "--no-synonyms", "--chunk-size", "20")
    running = cryoasync.start(*words, *where, environment=UNTHROTTLED)
    wait_for(partial(has_more_than, dsn, 0))
    os.close(terminal)
    os.close(shown_to)
    assert running.end(SECONDS_TO_STOP).exit_code == 129
    assert 0 < simulator.statistics()["ids"] == imported(dsn) < 1500
    assert query(dsn, "SELECT status FROM cryoasync.runs") == [("stopped",)]


def test_a_second_signal_ends_a_run_at_once(cryoasync: CommandLine, simulators: Simulators, dsn: str) -> None:
    """What hangs is not waited for; what was committed stays, and the run goes on."""
    simulator = simulators(
        *("--scenario", "blackout", "--set", "policy=none", "--set", "latency=none"),
        *("--set", "blackout.after_requests=3", "--set", "blackout.fault=hang"),
        *("--set", "blackout.lasts_seconds=6"),
    )
    options = ("--no-synonyms", "--chunk-size", "100", "--no-cache", "--json")
    words = ("run", "pubchem", "1-1000", "--base-url", simulator.base_url, "--dsn", dsn, *options)
    running = cryoasync.start(*words, environment=UNTHROTTLED)
    wait_for(lambda: len(cids(dsn)) == 300)
    running.signal(SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(0.5)
    running.signal(SIGTERM)
    stopped = running.end(SECONDS_TO_STOP)
    seen = simulator.statistics()
    resumed = cryoasync(*words, environment=UNTHROTTLED)

    assert stopped.exit_code == 143
    assert (stopped.document["status"], stopped.document["imported"]) == ("stopped", 300)
    assert seen["statuses"] == {"200": 3}, "nothing was waited for"
    assert (resumed.exit_code, resumed.document["imported"]) == (0, 1000)
    assert cids(dsn) == list(range(1, 1001))


def test_a_signal_ends_the_wait_for_standard_input(cryoasync: CommandLine, dsn: str) -> None:
    """A pipe into which nobody writes keeps no command alive."""
    for number, exit_code in ((SIGTERM, 143), (SIGINT, 130)):
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as stdin, os.fdopen(writing, "wb", buffering=0) as pipe:
            running = cryoasync.start("run", "pubchem", "-", "--dsn", dsn, "--json", stdin=stdin)
            pipe.write(b"1\n2\n")
            wait_for(partial(is_empty, reading))
            running.signal(number)
            ended = running.end(SECONDS_TO_STOP)
        assert (ended.exit_code, ended.error["kind"]) == (exit_code, "stopped")


def test_a_signal_during_the_spool_leaves_no_trace_of_a_run(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    running = cryoasync.start(
        *("run", "pubchem", "1-3000000", "--base-url", at_once.base_url, "--dsn", dsn, "--json")
    )
    spooling = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%run_inputs%'"
    )
    wait_for(lambda: query(dsn, spooling))
    running.signal(SIGTERM)
    ended = running.end(SECONDS_TO_STOP)
    assert (ended.exit_code, ended.error["kind"]) == (143, "stopped")
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 0
    assert at_once.statistics()["requests"] == 0
