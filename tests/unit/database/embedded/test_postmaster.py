"""Which process counts as the server of a data directory."""

import os
from pathlib import Path

import pytest

from cryoasync.database.embedded.postmaster import (
    find_postmaster,
    find_workers,
    mark_of,
    remove_stale_pid_file,
)


def write_pid_file(cluster: Path, first_line: str) -> Path:
    """Write a lock file as a server leaves it, with its number on the first line."""
    pid_file = cluster / "postmaster.pid"
    pid_file.write_text(f"{first_line}\n{cluster}\n1700000000\n5432\n/run\n\n  1 2\nready   \n")
    return pid_file


def test_no_folder_has_no_server(tmp_path: Path) -> None:
    """Where nothing is, nothing runs."""
    assert find_postmaster(tmp_path / "absent") is None
    assert find_workers(tmp_path / "absent") == []


def test_a_stranger_with_the_servers_number_is_not_the_server(tmp_path: Path) -> None:
    """This very process, named by the lock file, is no server; so the file goes."""
    pid_file = write_pid_file(tmp_path, str(os.getpid()))
    assert find_postmaster(tmp_path) is None
    remove_stale_pid_file(tmp_path)
    assert not pid_file.exists()


@pytest.mark.parametrize("remnant", ["", "\0\0\0", "words"])
def test_a_lock_file_without_a_number_goes(tmp_path: Path, remnant: str) -> None:
    """What a power cut left of a lock file names nobody."""
    pid_file = write_pid_file(tmp_path, remnant)
    assert find_postmaster(tmp_path) is None
    remove_stale_pid_file(tmp_path)
    assert not pid_file.exists()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_lock_file_that_names_nobody_alive_stays(tmp_path: Path, sign: int) -> None:
    """PostgreSQL needs it to see whether the dead server's memory is still in use."""
    beyond_the_last = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    pid_file = write_pid_file(tmp_path, str(sign * beyond_the_last))
    assert find_postmaster(tmp_path) is None
    remove_stale_pid_file(tmp_path)
    assert pid_file.exists()


def test_a_mark_stays_with_its_folder(tmp_path: Path) -> None:
    """A renamed folder keeps its mark, another one has another."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    mark = mark_of(first)
    assert mark_of(second) != mark
    assert mark_of(first.rename(tmp_path / "moved")) == mark
