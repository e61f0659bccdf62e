"""How the command line begins and ends."""

import json
import subprocess
import sys
from signal import SIGINT

import pytest

import cryoasync
from tests.cli.conftest import CommandLine


def test_the_version_goes_to_stdout(command_line: CommandLine) -> None:
    """``--version`` prints one line and succeeds."""
    outcome = command_line("--version")
    assert (outcome.exit_code, outcome.stdout) == (0, f"cryoasync {cryoasync.__version__}\n")


@pytest.mark.parametrize("words", [(), ("config",), ("run", "pubchem")])
def test_help_has_a_short_option_everywhere(command_line: CommandLine, words: tuple[str, ...]) -> None:
    long, short = command_line(*words, "--help"), command_line(*words, "-h")
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "Usage: cryoasync" in short.stdout


@pytest.mark.parametrize("arguments", [(), ("config",)])
def test_a_command_without_its_subcommand_shows_help(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    """Help instead of an error message, but no success: nothing was done."""
    outcome = command_line(*arguments)
    assert outcome.exit_code == 2
    assert "Usage: cryoasync" in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--nonsense",), "No such option: --nonsense"),
        (("nonsense",), "No such command 'nonsense'"),
        (("config", "show", "superfluous"), "unexpected extra argument"),
        (("config", "show", "--workers"), "requires an argument"),
        (("failures", "list", "--state", "lost"), "Invalid value for '--state': 'lost' is not one of"),
    ],
)
def test_a_usage_error_is_a_message_and_a_hint_on_stderr(
    command_line: CommandLine, arguments: tuple[str, ...], complaint: str
) -> None:
    """Exit code 2, nothing on stdout."""
    outcome = command_line(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    error, hint = outcome.stderr.splitlines()
    assert error.startswith("error: ")
    assert complaint in error
    assert hint.startswith("hint: `cryoasync")


def test_with_json_a_usage_error_is_one_object_on_stdout(command_line: CommandLine) -> None:
    """A program that reads stdout always finds JSON there."""
    outcome = command_line("config", "show", "--nonsense", "--json")
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, outcome.stderr) == (2, "")
    assert error["kind"] == "usage"
    assert error["message"].startswith("No such option: --nonsense")
    assert error["hint"] == "`cryoasync config show --help` shows what can be given."


def test_the_package_can_be_run_as_a_module() -> None:
    """``python -m cryoasync`` is the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "cryoasync", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"cryoasync {cryoasync.__version__}\n"


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, {handler})
sys.meta_path.insert(0, CtrlC())
sys.argv = ["cryoasync", "--version"]
import cryoasync.__main__
cryoasync.__main__.main()
"""


@pytest.mark.parametrize(
    ("handler", "exit_code", "printed"),
    [
        ("signal.default_int_handler", -SIGINT, ""),
        ("signal.SIG_IGN", 0, f"cryoasync {cryoasync.__version__}\n"),
    ],
    ids=["in the foreground", "in the background of a script"],
)
def test_ctrl_c_while_the_command_loads_ends_it_without_a_traceback(
    handler: str, exit_code: int, printed: str
) -> None:
    program = INTERRUPTED_WHILE_LOADING.replace("{handler}", handler)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (exit_code, printed, "")


def test_the_command_line_is_imported_without_heavy_libraries() -> None:
    """``--help`` and completion must not wait for what only some commands need."""
    heavy = {"rdkit", "pyarrow", "numpy", "aiohttp", "asyncpg", "structlog", "uvloop"}
    program = "import sys, cryoasync.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())
