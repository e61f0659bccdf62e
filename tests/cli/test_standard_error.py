"""Messages that nobody reads end no command."""

import os
import subprocess
import sys
from io import TextIOWrapper

import pytest

from cryoasync.cli.standard_error import keep_writing_to_standard_error


def test_what_is_written_for_a_reader_that_has_gone_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what others write to the same descriptor afterwards; what was read before stays as it was."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        keep_writing_to_standard_error()
        assert isinstance(sys.stderr, TextIOWrapper)
        with sys.stderr as unfailing:
            unfailing.write("read: \ud800\n")
            assert os.read(reading, 100) == b"read: \\ud800\n"
            os.close(reading)
            unfailing.write("not read\n")
            unfailing.flush()
            assert os.write(writing, b"nor this") == len("nor this")
            assert not unfailing.isatty()


def test_a_command_works_without_a_standard_error() -> None:
    """It asks whether that is a terminal, and opens files, none of which may take its number."""
    program = [sys.executable, "-m", "cryoasync", "config", "show"]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *program], stdout=subprocess.PIPE, check=True
    )
    assert closed.stdout == subprocess.run(program, stdout=subprocess.PIPE, check=True).stdout != b""
