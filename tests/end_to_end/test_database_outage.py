"""The embedded server gone in the middle of a run: waited for as long as the patience says, and nothing lost."""

import os
import signal
import subprocess

import pytest

from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.opening import REAL_DATABASE
from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import cids, compounds_so_far, query
from tests.end_to_end.waiting import wait_for


def stop_immediately(server: EmbeddedServer) -> None:
    """Stop the server as ``pg_ctl stop --mode immediate`` does: sessions end without a word."""
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    wait_for(lambda: server.status().pid is None)


@pytest.mark.slow
def test_an_outage_of_the_database_pauses_a_run_or_is_waited_for(
    cryoasync: CommandLine, at_once: RunningSimulator, embedded: EmbeddedServer
) -> None:
    """Beyond the patience the command ends with 4; within it the run goes on once any command starts the server."""
    words = ("run", "pubchem", "1-250", "--base-url", at_once.base_url, "--no-synonyms", "--chunk-size", "10")
    options = ("--no-cache", "--max-rate", "15", "--json", "--patience")
    impatient = cryoasync.start(*words, *options, "1")
    wait_for(lambda: compounds_so_far(embedded, REAL_DATABASE))
    stop_immediately(embedded)
    paused = impatient.end()
    saved = paused.document["imported"]
    assert (paused.exit_code, paused.error["kind"]) == (4, "database_unavailable")
    assert paused.error["hint"].endswith("goes on where it stopped.")
    assert (paused.document["status"], paused.document["pending"]) == ("paused", 250 - saved)

    patient = cryoasync.start(*words, *options, "60")
    wait_for(lambda: compounds_so_far(embedded, REAL_DATABASE) > saved)
    stop_immediately(embedded)
    with pytest.raises(subprocess.TimeoutExpired):
        patient.process.wait(1)
    assert cryoasync("status", "--json").exit_code == 0
    resumed = patient.end()
    assert (resumed.exit_code, resumed.document["already_done"]) == (0, saved)
    dsn = embedded.dsn(REAL_DATABASE)
    assert query(dsn, "SELECT status, imported, pending FROM cryoasync.runs") == [("finished", 250, 0)]
    assert cids(dsn) == list(range(1, 251))
