"""Where ``cryoasync export`` writes: whole files or none, and pipes whose reader may go."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from cryoasync.cli.output import READER_GONE
from tests.cli.conftest import CommandLine
from tests.cli.seeds import mixed_run, with_database
from tests.integration.database.builders import compound, merge

NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.mark.parametrize(
    ("path", "told"), [("missing/out.csv", "No such file"), (".", "ending"), ("folder.csv", "Is a directory")]
)
def test_a_place_that_cannot_be_written_is_a_usage_error(
    command_line: CommandLine, home: Path, path: str, told: str
) -> None:
    """It is told before a database is opened."""
    (home / "folder.csv").mkdir()
    outcome = command_line("export", "-o", path, "--dsn", NOWHERE)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert told in outcome.stderr
    assert [entry.name for entry in home.iterdir()] == ["folder.csv"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".parquet"])
def test_a_disk_that_fills_up_leaves_the_old_file(
    command_line: CommandLine, dsn: str, home: Path, ending: str
) -> None:
    """The error names the file, not the database that the rows came from."""
    with_database(dsn, mixed_run)
    path = home / f"out{ending}"
    path.write_text("old")
    with files_of_at_most(200):
        outcome = command_line("export", "-o", path.name, "--dsn", dsn, "--json")
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (2, "output")
    assert error["message"] == f"out{ending} cannot be written: File too large."
    assert [(entry.name, entry.read_text()) for entry in home.iterdir()] == [(path.name, "old")]


def test_a_full_device_is_told(command_line: CommandLine, dsn: str) -> None:
    """A device is written as it is, not replaced."""
    outcome = command_line("export", "-o", "/dev/full", "--format", "csv", "--dsn", dsn)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "error: /dev/full cannot be written: No space left on device.\nhint: Free disk space, or write elsewhere.\n"
    )
    assert Path("/dev/full").is_char_device()


def test_a_file_keeps_its_mode_and_the_links_to_it(command_line: CommandLine, dsn: str, home: Path) -> None:
    """A new one has the mode that the user's mask leaves."""
    (home / "real.csv").touch(mode=0o640)
    (home / "link.csv").symlink_to("real.csv")
    mask = os.umask(0o027)
    try:
        for name in ("link.csv", "new.csv"):
            assert command_line("export", "-o", name, "--dsn", dsn).exit_code == 0
    finally:
        os.umask(mask)
    assert (home / "link.csv").is_symlink()
    assert (home / "real.csv").read_text().startswith("cid,")
    modes = {path.name: path.lstat().st_mode & 0o777 for path in home.iterdir() if not path.is_symlink()}
    assert modes == {"real.csv": 0o640, "new.csv": 0o640}


@pytest.fixture
async def locked(dsn: str) -> AsyncIterator[str]:
    """The DSN of a database whose compounds nobody can read at the moment."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE cryoasync.pubchem_compounds")
            yield dsn
    finally:
        await connection.close()


@contextmanager
def exporting(dsn: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """An export in a process of its own."""
    command = [sys.executable, "-m", "cryoasync", "export", *words, "--dsn", dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_export_leaves_the_old_file(locked: str, home: Path, number: signal.Signals) -> None:
    """Where the process can still do it, it takes away what it had begun as well."""
    (home / "out.csv").write_text("old")
    with exporting(locked, "-o", "out.csv") as process:
        while not (begun := list(home.glob(".cryoasync-*"))):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, complaints = process.communicate()
    assert (home / "out.csv").read_text() == "old"
    if number is signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert complaints == b"error: Stopped by a signal before the export was whole.\n"
        assert not begun[0].exists()


@pytest.mark.parametrize("words", [(), ("--format", "jsonl"), ("--format", "parquet")])
@pytest.mark.parametrize("synonyms", [0, 100_000], ids=["few rows", "more than a pipe takes"])
def test_a_reader_that_has_gone_is_no_error(
    command_line: CommandLine, dsn: str, words: tuple[str, ...], synonyms: int
) -> None:
    """``cryoasync export | head`` ends quietly, with the code of SIGPIPE."""
    rows = [compound(1, synonyms=[f"name {number}" for number in range(synonyms)])]
    with_database(dsn, lambda database: merge(database, *rows))
    with exporting(dsn, *words) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (READER_GONE, b"")


def test_a_standard_output_that_is_full_is_told(home: Path, dsn: str) -> None:
    """Python's own complaint, when it flushes once more at its exit, is not heard."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "cryoasync", "export", "--dsn", dsn]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        b"error: Standard output cannot be written: No space left on device.\n"
        b"hint: Free disk space, or write elsewhere.\n"
    )
