"""Where output goes, and when it is coloured."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from cryoasync.cli.output import READER_GONE, print_json, wants_color


def test_json_keeps_every_letter_and_writes_what_it_does_not_know_as_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Names of compounds are not escaped."""
    print_json({"name": "β-alanine", "size": 3, "path": object})
    assert capsys.readouterr().out == (
        '{\n  "name": "β-alanine",\n  "size": 3,\n  "path": "<class \'object\'>"\n}\n'
    )


def test_json_writes_a_time_so_that_every_program_can_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"started_at": datetime(2026, 5, 4, 10, 0, 0, 1000, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {"started_at": "2026-05-04T10:00:00.001000+00:00"}


def test_a_reader_that_has_gone_is_no_error() -> None:
    """``cryoasync … | head`` ends quietly, with the code of SIGPIPE."""
    program = (
        "import sys, typer\n"
        "from cryoasync.cli.output import print_json\n"
        "try: print_json({'long': 'x' * 1_000_000})\n"
        "except typer.Exit as end: sys.exit(end.exit_code)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (READER_GONE, b"")


@pytest.mark.parametrize(
    ("is_terminal", "environ", "expected"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colours_need_a_terminal_and_no_objection(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environ: dict[str, str], expected: bool
) -> None:
    """``NO_COLOR`` counts where it is not empty, as its convention says."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert wants_color(environ) is expected
