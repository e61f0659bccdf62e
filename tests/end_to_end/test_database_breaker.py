"""A database that is away: the source is left alone meanwhile, and the run goes on by itself."""

import json
import os
import signal
import time
from datetime import datetime

from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.opening import REAL_DATABASE
from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds_so_far, query, value
from tests.end_to_end.waiting import wait_for

WORKERS, CHUNKS = 8, 1000
OUTAGE = "database out of reach"


def first_outage(log: str) -> float:
    """When the log first tells of an outage, in monotonic seconds."""
    line = next(line for line in log.splitlines() if OUTAGE in line)
    moment = datetime.fromisoformat(json.loads(line)["timestamp"])
    return moment.timestamp() - time.time() + time.monotonic()


def test_no_more_is_asked_than_can_be_stored(
    cryoasync: CommandLine, at_once: RunningSimulator, embedded: EmbeddedServer
) -> None:
    """Once a commit has failed each worker finishes what it has in hand; after the outage the rest is asked once."""
    # Room for every result: it is not backpressure that stops the workers.
    cryoasync.environment["CRYOASYNC_RUN__RESULT_QUEUE_SIZE"] = "2000"
    words = (
        "run",
        "pubchem",
        f"1-{CHUNKS * 5}",
        "--chunk-size",
        "5",
        "--no-synonyms",
        "--no-cache",
        "--json",
    )
    running = cryoasync.start(*words, "--rdkit", "off", "--workers", WORKERS, "--log-format", "json")
    wait_for(lambda: compounds_so_far(embedded, REAL_DATABASE))
    pid = embedded.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    wait_for(lambda: running.errors_so_far.count(OUTAGE) >= 6)
    noticed_at = first_outage(running.errors_so_far)
    asked_at = [at_once.reset_at + arrival for arrival in at_once.statistics()["arrivals"]]
    assert len(asked_at) < CHUNKS, "the run was over before the outage"
    assert sum(moment > noticed_at for moment in asked_at) <= WORKERS

    assert cryoasync("status", "--json").exit_code == 0
    ended = running.end()
    assert (ended.exit_code, ended.document["imported"]) == (0, CHUNKS * 5)
    assert at_once.statistics()["requests"] == CHUNKS
    dsn = embedded.dsn(REAL_DATABASE)
    assert value(dsn, "SELECT count(*) FROM cryoasync.pubchem_compounds") == CHUNKS * 5
    [(paused,)] = query(dsn, "SELECT live #>> '{database,pause,times}' FROM cryoasync.runs")
    assert int(paused) >= 1
