"""The hooks that run before a commit."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.packaging.command_words import ROOT

CONFIG = ROOT / ".pre-commit-config.yaml"
HOOKS = [hook for repo in yaml.safe_load(CONFIG.read_text("utf-8"))["repos"] for hook in repo["hooks"]]


def test_pre_commit_takes_the_file() -> None:
    """Its own check of the schema says so."""
    program = Path(sys.prefix, "bin", "pre-commit")
    answer = subprocess.run(
        [program, "validate-config", CONFIG], capture_output=True, text=True, check=False, env={}
    )
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


@pytest.mark.parametrize("entry", [hook["entry"] for hook in HOOKS if hook["entry"].startswith(".venv/")])
def test_each_hook_calls_a_program_of_the_locked_environment(entry: str) -> None:
    """``make install`` has installed it."""
    assert Path(sys.prefix, entry.split(maxsplit=1)[0].removeprefix(".venv/")).exists()


def test_the_hooks_check_what_make_check_checks() -> None:
    """What passes here passes in CI."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    checks = makefile.partition("\ncheck:")[2].partition("\n\n")[0]
    called = {line.split("$(BIN)/")[1].split()[0] for line in checks.splitlines() if "$(BIN)/" in line}
    assert called <= {Path(hook["entry"].split()[0]).name for hook in HOOKS}
