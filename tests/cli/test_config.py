"""``cryoasync config show``."""

import json
from pathlib import Path

import pytest

from cryoasync.settings import keys
from tests.cli.conftest import CommandLine


def test_every_setting_is_shown_with_its_value_and_origin(
    command_line: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flag, environment, file and default are told apart."""
    (home / "cryoasync.toml").write_text("[run]\nlimit = 5\n", encoding="utf-8")
    monkeypatch.setenv("CRYOASYNC_RUN__WORKERS", "3")
    outcome = command_line("config", "show", "--json", "--chunk-size", "10-20")
    assert outcome.exit_code == 0
    settings = json.loads(outcome.stdout)["settings"]
    assert list(settings) == list(keys.FIELDS)
    assert settings["run.chunk_size"] == {"value": "10-20", "origin": "flag --chunk-size"}
    assert settings["run.workers"] == {"value": 3, "origin": "environment CRYOASYNC_RUN__WORKERS"}
    assert settings["run.limit"] == {"value": 5, "origin": f"file {home / 'cryoasync.toml'}"}
    assert settings["run.rdkit"] == {"value": "missing", "origin": "default"}


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_password_of_the_dsn_is_left_out(command_line: CommandLine, form: tuple[str, ...]) -> None:
    """The rest of the DSN stays, because it is what one looks for."""
    outcome = command_line("config", "show", "--dsn", "postgresql://ada:secret@db/lab", *form)
    assert outcome.exit_code == 0
    assert "postgresql://ada:***@db/lab" in outcome.stdout
    assert "secret" not in outcome.stdout + outcome.stderr


def test_a_table_in_a_pipe_is_not_cut(command_line: CommandLine, home: Path) -> None:
    """One line a setting, however long its value."""
    directory = home / ("d" * 200)
    outcome = command_line("config", "show", "--data-dir", str(directory))
    lines = outcome.stdout.splitlines()
    assert len(lines) == 1 + len(keys.FIELDS)
    assert any(line.split() == ["data_dir", str(directory), "flag", "--data-dir"] for line in lines)


def test_an_impossible_setting_ends_with_exit_code_two(command_line: CommandLine) -> None:
    """The sentence of the settings is what the user reads."""
    outcome = command_line("config", "show", "--workers", "0")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    told = "run.workers cannot be '0' (flag --workers): it takes a whole number, at least 1 and at most 64."
    assert outcome.stderr == f"error: {told}\n"


def test_no_synonyms_and_no_cache_switch_off(command_line: CommandLine) -> None:
    """Both negations reach the settings."""
    outcome = command_line("config", "show", "--json", "--no-synonyms", "--no-cache")
    settings = json.loads(outcome.stdout)["settings"]
    assert settings["run.synonyms"]["value"] is False
    assert settings["run.cache"]["value"] == "off"
