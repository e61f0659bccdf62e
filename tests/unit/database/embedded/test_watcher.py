"""What the watcher takes for use."""

import os
import sys
from pathlib import Path

import pytest

from cryoasync.database.embedded.watcher import Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """Give a server that is asked through a program of the test's, which answers what a file holds."""
    psql = tmp_path / "psql"
    psql.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    psql.chmod(0o700)
    (tmp_path / "lock").touch()
    return Server(
        pid=os.getpid(),
        mark="none",
        lock=tmp_path / "lock",
        psql=psql,
        socket_dir=tmp_path,
        port=5432,
        user="cryoasync",
    )


def answer(server: Server, text: str) -> None:
    """Let the server answer ``text``."""
    (server.lock.parent / "answer").write_text(text)


def test_the_same_answer_twice_is_no_use(server: Server) -> None:
    """No session open, none opened, no command: the evidence stays."""
    answer(server, "7|0\n")
    assert server.evidence_of_use() == server.evidence_of_use() != ""


def test_a_session_in_between_changes_the_evidence(server: Server) -> None:
    """A session that came and went is seen by the count of all sessions."""
    answer(server, "7|0\n")
    before = server.evidence_of_use()
    answer(server, "8|0\n")
    assert server.evidence_of_use() != before


def test_a_command_in_between_changes_the_evidence(server: Server) -> None:
    """A command touches the lock file before it connects."""
    answer(server, "7|0\n")
    before = server.evidence_of_use()
    os.utime(server.lock, ns=(1, 1))
    assert server.evidence_of_use() != before


@pytest.mark.parametrize("told", ["7|1\n", "7|10\n", ""])
def test_an_open_session_or_no_answer_is_use(server: Server, told: str) -> None:
    """What cannot be excluded is taken for use."""
    answer(server, told)
    assert server.evidence_of_use() == ""


def test_another_process_with_the_number_is_not_the_server(server: Server) -> None:
    """The server's mark is missing from this process, whatever its number."""
    assert sys.executable
    assert not server.is_alive()
