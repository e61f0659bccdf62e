"""Files of structures, imported by a process that is killed, stopped or met by another one."""

import gzip
import random
import time
from collections.abc import Iterable
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.end_to_end.commands import LONGEST_SECONDS, CommandLine, Running
from tests.end_to_end.tables import query, run_free_tables, value
from tests.end_to_end.waiting import wait_for
from tests.unit.sources.files.builders import dump, sdf

KILLS = 5
SEED = 11
LATEST_KILL_PART = 0.5
"""Of the time that an undisturbed import takes."""
RSS_GROWTH_MB = 25.0
RECORDS = "SELECT file, record, source_id, smiles, molfile, fields FROM cryoasync.file_records ORDER BY 1, 2"


def chain(number: int) -> str:
    """A SMILES unlike those of other numbers below 1,024."""
    return f"OC({'C' * (1 + number % 16)}){'N' * (number // 256 % 4)}C({'C' * (1 + number // 16 % 16)})N"


def packed(path: Path, records: Iterable[str]) -> str:
    """The name of a compressed file of records."""
    with gzip.open(path, "wt", compresslevel=1) as stream:
        stream.writelines(records)
    return path.name


def library(home: Path) -> tuple[str, ...]:
    """The words that import files of every kind: 2,600 records, of which one is broken and two are rejected."""
    own = [sdf(f"m{n}", n % 20 + 1, {"CODE": str(n)}) for n in range(1200)]
    own[500] = "no molecule\n$$$$\n"
    smiles = [f"{chain(n)}\tc{n}\n" for n in range(1000)]
    smiles[10] = smiles[900] = "C(C)(C)(C)(C)C\tfive\n"
    dumped = [dump(n + 1, chain(n), IUPAC_NAME=f"name {n}") for n in range(400)]
    names = (
        packed(home / "own.sdf.gz", own),
        packed(home / "list.smi.gz", smiles),
        packed(home / "dump.sdf.gz", dumped),
    )
    return ("run", "files", *names, "--rdkit", "all", "--json")


def imported(dsn: str) -> int:
    """How many entries are imported so far."""
    return int(query(dsn, "SELECT coalesce(max(imported), 0) FROM cryoasync.runs")[0][0])


def until_more(dsn: str, saved: int, running: Running, seconds: float) -> None:
    """Return once more entries are imported, or after some time; the last kill so comes after the first result."""
    deadline = time.monotonic() + seconds
    while imported(dsn) == saved and running.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_an_import_killed_again_and_again_ends_as_an_undisturbed_one(
    cryoasync: CommandLine, dsn: str, empty_dsn: str
) -> None:
    """Whatever was read or computed when it died, no record is missing, double or taken for another."""
    words = library(cryoasync.home)
    began_at = time.monotonic()
    undisturbed = cryoasync(*words, "--dsn", empty_dsn)
    latest_seconds = LATEST_KILL_PART * (time.monotonic() - began_at)
    assert undisturbed.exit_code == 0
    assert [undisturbed.document[count] for count in ("requested", "invalid", "rdkit_filled")] == [
        2600,
        1,
        2597,
    ]
    rng = random.Random(SEED)
    saved = [0]
    for number in range(KILLS):
        running = cryoasync.start(*words, "--dsn", dsn)
        is_last = number == KILLS - 1
        until_more(dsn, saved[-1], running, LONGEST_SECONDS if is_last else rng.uniform(0.3, latest_seconds))
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not cryoasync.processes(), seconds=10)
        saved.append(imported(dsn))
    assert 0 < saved[-1] < 2599, saved
    ended = cryoasync(*words, "--dsn", dsn)
    assert (ended.exit_code, ended.document["already_done"]) == (0, saved[-1])
    assert run_free_tables(dsn) == run_free_tables(empty_dsn)
    assert query(dsn, RECORDS) == query(empty_dsn, RECORDS)
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 1


def test_a_signal_stops_an_import_that_goes_on_where_it_was(cryoasync: CommandLine, dsn: str) -> None:
    """Meanwhile a second command for the same files is told who is at work."""
    words = (*library(cryoasync.home), "--dsn", dsn)
    running = cryoasync.start(*words)
    wait_for(lambda: imported(dsn) > 0)
    second = cryoasync(*words)
    running.signal(SIGTERM)
    stopped = running.end()
    assert (second.exit_code, second.error["kind"]) == (75, "run_held")
    assert (stopped.exit_code, stopped.document["status"]) == (143, "stopped")
    assert 0 < stopped.document["imported"] < 2599
    ended = cryoasync(*words)
    assert (ended.exit_code, ended.document["run_id"]) == (0, stopped.document["run_id"])
    assert ended.document["already_done"] == stopped.document["imported"]
    assert (ended.document["imported"], ended.document["pending"]) == (2599, 0)
    assert cryoasync.processes() == []


def test_a_file_that_changes_under_a_stopped_import_is_another_run(cryoasync: CommandLine, dsn: str) -> None:
    """Records of one content are never taken for those of another."""
    words = (*library(cryoasync.home), "--dsn", dsn)
    running = cryoasync.start(*words)
    wait_for(lambda: imported(dsn) > 0)
    running.process.kill()
    running.process.wait()
    packed(cryoasync.home / "own.sdf.gz", (sdf(f"n{n}", 1) for n in range(10)))
    ended = cryoasync(*words)
    assert (ended.exit_code, ended.document["already_done"]) == (0, 0)
    assert ended.document["imported"] == 10 + 1000 + 400
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 2


@pytest.mark.slow
def test_memory_stays_flat(cryoasync: CommandLine, dsn: str) -> None:
    """Forty times as many records take no more of it."""
    peaks = []
    for count in (1_000, 40_000):
        name = packed(cryoasync.home / f"{count}.sdf.gz", (sdf(f"m{n}", n % 30 + 1) for n in range(count)))
        ended = cryoasync("run", "files", name, "--rdkit", "off", "--json", "--dsn", dsn)
        assert (ended.exit_code, ended.document["imported"]) == (0, count)
        peaks.append(ended.document["peak_rss_mb"])
    assert peaks[1] < peaks[0] + RSS_GROWTH_MB, peaks
