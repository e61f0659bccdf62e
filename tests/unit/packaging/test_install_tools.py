"""``tests/system/install-tools``, with programs of the operating system that only write down what they are told."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.packaging.command_words import ROOT

SCRIPT = ROOT / "tests" / "system" / "install-tools"
APT_GET = "apt-get --quiet=2"
PACKAGES = "postgresql-client openssl faketime pgbouncer postgresql-15"
INSTALL = f"{APT_GET} install --yes --no-install-recommends {PACKAGES}"
PROGRAMS = ("psql", "openssl", "faketime", "usr/sbin/pgbouncer", "usr/lib/postgresql/15/bin/postgres")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs, the only one on the path: what the script needs, and no tool."""
    for program in ("bash", "env"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    return tmp_path


def add(machine: Path, name: str, script: str) -> None:
    """Put a program into the folder."""
    program = machine / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/bash\n{script}\n", "utf-8")
    program.chmod(0o755)


def run(machine: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing but the programs of the folder."""
    environment = {"PATH": str(machine), "SYSTEM_ROOT": str(machine)}
    return subprocess.run([SCRIPT], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(("uid", "prefix"), [(0, ""), (1000, "sudo ")])
def test_missing_tools_are_installed_as_root_or_through_sudo(machine: Path, uid: int, prefix: str) -> None:
    """The lists first, then the packages, without a question."""
    add(machine, "id", f"echo {uid}")
    add(machine, "apt-get", 'echo "${AS:-}apt-get $*"')
    add(machine, "sudo", 'AS="sudo " "$@"')
    answer = run(machine)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [f"{prefix}{APT_GET} update", f"{prefix}{INSTALL}"]


def test_nothing_is_done_where_nothing_is_missing(machine: Path) -> None:
    """Neither root nor a network is needed then."""
    for program in PROGRAMS:
        add(machine, program, "exit 0")
    answer = run(machine)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        pytest.param({"id": "echo 1000", "apt-get": ""}, "Run this as root, or install sudo.", id="no sudo"),
        pytest.param({"id": "echo 0"}, "There is no apt-get here", id="no Debian"),
        pytest.param(
            {"id": "echo 0", "apt-get": "exit 100"}, "The package lists cannot be fetched.", id="no network"
        ),
    ],
)
def test_a_machine_that_cannot_install_is_told_what_is_missing(
    machine: Path, programs: dict[str, str], reason: str
) -> None:
    """One sentence names the packages, another the way out."""
    for name, script in programs.items():
        add(machine, name, script)
    answer = run(machine)
    assert answer.returncode == 1
    assert f"these packages of Debian: {PACKAGES}." in answer.stderr
    assert reason in answer.stderr
