"""Disks that are full or may not be written: what was imported stays, and the run goes on once there is room."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.opening import REAL_DATABASE
from tests.end_to_end.commands import CommandLine
from tests.end_to_end.disks import Disk, NoDiskError, mounted_disk
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds, true_compounds
from tests.end_to_end.waiting import wait_for

Disks = Callable[[str], Disk]


@pytest.fixture
def disks(cryoasync: CommandLine) -> Iterator[Disks]:
    """Return a function that mounts a disk, inside whose namespace all commands of the test run from then on."""
    with ExitStack() as stack:

        def mount(options: str) -> Disk:
            try:
                disk = stack.enter_context(mounted_disk(cryoasync.home / "disk", options))
            except NoDiskError as error:
                pytest.skip(f"no disk can be mounted here: {error}")
            cryoasync.prefix = disk.prefix
            return disk

        yield mount


def test_a_full_disk_of_the_cache_costs_nothing_but_the_cache(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str, disks: Disks
) -> None:
    """Full from the start or later on: the import is whole, and a line of the log says what is missing."""
    disk = disks("size=4m")
    words = ("--base-url", at_once.base_url, "--dsn", dsn, "--cache", disk.path / "answers.sqlite", "--json")
    disk.fill()
    from_the_start = cryoasync("run", "pubchem", "1-500", *words)
    disk.free()
    becoming_so = cryoasync("run", "pubchem", "1-3000", *words)
    for ended, imported in ((from_the_start, 500), (becoming_so, 3000)):
        assert (ended.exit_code, ended.document["imported"]) == (0, imported)
        assert "database or disk is full" in ended.stderr
    assert compounds(dsn) == true_compounds(at_once, 1, 3000)


def test_a_data_dir_that_cannot_be_written_is_an_error_of_usage(
    cryoasync: CommandLine, at_once: RunningSimulator, disks: Disks
) -> None:
    disk = disks("ro")
    words = ("run", "pubchem", "1", "--base-url", at_once.base_url, "--data-dir", disk.path, "--json")
    ended = cryoasync(*words)
    assert ended.exit_code == 2
    assert f"{disk.path}/" in ended.error["message"]
    assert "Read-only file system" in ended.error["message"]
    assert "--data-dir" in ended.error["hint"]


@pytest.fixture
def small_disk(disks: Disks) -> Iterator[Disk]:
    """A disk with room for a server and little more; no server is left on it."""
    disk = disks("size=100m")
    yield disk
    asyncio.run(EmbeddedServer(disk.from_outside).destroy())


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_full_disk_of_the_database_pauses_the_run(
    cryoasync: CommandLine, at_once: RunningSimulator, small_disk: Disk
) -> None:
    """Beyond the patience the command ends with 4; within it, the run goes on by itself once there is room."""
    words = (
        "run",
        "pubchem",
        "1-1200",
        "--base-url",
        at_once.base_url,
        "--data-dir",
        small_disk.path,
        "--no-cache",
    )
    options = ("--chunk-size", "10", "--patience", "0.5", "--json")
    small_disk.fill()
    never_begun = cryoasync(*words, *options)
    assert never_begun.exit_code == 4
    assert "No space left on device" in never_begun.error["message"]
    small_disk.free()

    running = cryoasync.start(*words, *options, "--max-rate", "20")
    wait_for(lambda: at_once.statistics()["requests"] > 20)
    small_disk.fill()
    full = running.end()
    assert (full.exit_code, full.error["kind"]) == (4, "database_disk_full")
    assert full.document["status"] == "paused"
    saved, asked = full.document["imported"], at_once.statistics()["requests"]
    small_disk.free()
    patient = cryoasync.start(*words, *options, "--max-rate", "20", "--patience", "60")
    wait_for(lambda: at_once.statistics()["requests"] > asked + 20)
    small_disk.fill()
    wait_for(lambda: "has no disk space left" in patient.errors_so_far)
    small_disk.free()
    resumed = patient.end()
    assert (resumed.exit_code, resumed.document["already_done"]) == (0, saved)
    folder = os.open(small_disk.from_outside / "embedded-postgresql" / "run", os.O_PATH)
    try:
        # The whole path would be too long for a socket.
        dsn = f"postgresql://cryoasync@/{REAL_DATABASE}?host=/proc/self/fd/{folder}"
        assert compounds(dsn) == true_compounds(at_once, 1, 1200)
    finally:
        os.close(folder)
