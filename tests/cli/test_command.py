"""What becomes of a command's return value and of the errors it raises."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer

from cryoasync.cli import app as app_module
from cryoasync.cli.command import Command, with_settings
from cryoasync.cli.options import AsJson
from cryoasync.errors import CryoasyncError, DatabaseUnavailableError, RunHeldError
from cryoasync.settings import LoadedSettings
from tests.cli.conftest import CommandLine

Install = Callable[[Command], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that puts a command in the place of ``cryoasync``'s own, as ``try``."""

    def put(command: Command) -> None:
        own = typer.Typer()
        own.callback()(lambda: None)
        own.command("try")(with_settings("run.workers", "run.synonyms")(command))
        monkeypatch.setattr(app_module, "app", own)

    return put


def raising(error: BaseException) -> Command:
    """Return a command that fails."""

    def command(loaded: LoadedSettings, *, as_json: AsJson = False) -> int:
        raise error

    return command


def test_arguments_and_settings_reach_the_command(install: Install, command_line: CommandLine) -> None:
    """A command has its own arguments beside the options made from settings."""
    seen = []

    def command(
        loaded: LoadedSettings, inputs: Annotated[list[str], typer.Argument()], *, deep: bool = False
    ) -> int:
        seen.append((loaded.settings.run.workers, loaded.settings.run.synonyms, inputs, deep))
        return 1

    install(command)
    outcome = command_line("try", "a", "b", "--workers", "3", "--deep", "--no-synonyms")
    assert outcome.exit_code == 1
    assert seen == [(3, False, ["a", "b"], True)]


def test_a_coroutine_runs_on_uvloop(install: Install, command_line: CommandLine) -> None:
    """The loop is the fast one, and the exit code comes back."""
    loops = []

    async def command(loaded: LoadedSettings) -> int:
        await asyncio.sleep(0)
        loops.append(type(asyncio.get_running_loop()).__module__)
        return 3

    install(command)
    assert command_line("try").exit_code == 3
    assert loops == ["uvloop"]


@pytest.mark.parametrize(
    ("error", "exit_code", "kind"),
    [
        (RunHeldError("Process 7 holds this run.", hint="Wait for it."), 75, "run_held"),
        (
            ExceptionGroup("two", [DatabaseUnavailableError("Gone.", hint="Start it.")]),
            4,
            "database_unavailable",
        ),
        (
            ExceptionGroup(
                "deep", [ExceptionGroup("deeper", [DatabaseUnavailableError("Gone.", hint="Up.")])]
            ),
            4,
            "database_unavailable",
        ),
        (typer.Abort(), 2, "usage"),
    ],
)
def test_an_expected_error_has_the_exit_code_of_its_class(
    install: Install, command_line: CommandLine, error: BaseException, exit_code: int, kind: str
) -> None:
    """Also where it comes out of a task group; people and programs read the same message."""
    install(raising(error))
    for_people = command_line("try")
    assert (for_people.exit_code, for_people.stdout) == (exit_code, "")
    for_programs = command_line("try", "--json")
    told = json.loads(for_programs.stdout)["error"]
    assert (for_programs.exit_code, for_programs.stderr, told["kind"]) == (exit_code, "", kind)
    assert for_people.stderr.startswith(f"error: {told['message']}\n")


def test_a_secret_in_an_error_is_not_printed(install: Install, command_line: CommandLine) -> None:
    """Whoever wrote the message, the password is masked at the last moment."""
    url = "postgresql://ada:hidden@db/lab"
    install(raising(DatabaseUnavailableError(f"{url} is gone.", hint=f"Start {url}.")))
    outcome = command_line("try")
    assert outcome.stderr == (
        "error: postgresql://ada:***@db/lab is gone.\nhint: Start postgresql://ada:***@db/lab.\n"
    )


@pytest.mark.parametrize(
    "error",
    [
        KeyError("lost"),
        OSError(32, "Broken pipe"),
        ExceptionGroup("both", [KeyError("lost"), CryoasyncError("x")]),
    ],
)
def test_an_unexpected_error_ends_with_a_report(
    install: Install, command_line: CommandLine, home: Path, error: Exception
) -> None:
    """Exit code 70; the report has traceback, versions and settings, but no password."""
    install(raising(error))
    outcome = command_line("try", "--dsn", "postgresql://ada:hidden@db/lab", "--json")
    assert outcome.exit_code == 70
    told = json.loads(outcome.stdout)["error"]
    assert told["kind"] == "internal"
    (report,) = (home / "state" / "cryoasync" / "reports").iterdir()
    assert str(report) in told["hint"]
    text = report.read_text(encoding="utf-8")
    for expected in ("Traceback", type(error).__name__, "asyncpg", '"workers": 8', "--dsn"):
        assert expected in text
    assert "hidden" not in text + outcome.stdout + outcome.stderr


def test_a_report_goes_elsewhere_where_the_state_directory_cannot_be_written(
    install: Install, command_line: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or read-only home does not hide the error."""
    monkeypatch.setattr("tempfile.tempdir", str(home))
    (home / "file").touch()
    monkeypatch.setenv("CRYOASYNC_STATE_DIR", str(home / "file"))
    install(raising(KeyError("lost")))
    outcome = command_line("try")
    assert outcome.exit_code == 70
    (report,) = home.glob("crash-*.txt")
    assert f"attach {report}" in outcome.stderr


def test_an_interrupted_coroutine_cleans_up_and_ends_with_130(
    install: Install, command_line: CommandLine
) -> None:
    """SIGINT cancels the command, which may still do what it has to."""
    cleaned = []

    async def command(loaded: LoadedSettings) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)
        return 0

    install(command)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a parallel test process ignores
    try:
        assert command_line("try").exit_code == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned
