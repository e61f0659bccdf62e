"""The image and the Compose file, as far as they can be checked without an engine."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cryoasync.http.origin_probe import HEALTH_PATH
from cryoasync.pipeline.pipeline import PipelineLimits
from cryoasync.settings import RunSettings, keys
from tests.unit.packaging.command_words import ROOT, understand

COMPOSE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "cryoasync"}
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]


def arguments_of(instruction: str) -> list[str]:
    """What follows each use of an instruction of the Dockerfile, in order."""
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def test_the_compose_file_keeps_to_the_compose_specification() -> None:
    """The specification's own JSON schema, as check-jsonschema ships it."""
    checker = Path(sys.prefix, "bin", "check-jsonschema")
    answer = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("name", OURS)
def test_the_command_line_takes_the_words_of_each_service(name: str) -> None:
    """A container must not start only to say that there is no such option."""
    understand(OURS[name]["command"])


def test_words_that_mean_nothing_are_told_apart() -> None:
    """The check above can fail."""
    with pytest.raises(typer.TyperException, match="No such command"):
        understand(["run", "pubchme"])


@pytest.mark.parametrize("name", OURS)
def test_each_variable_of_a_service_is_a_setting_or_libpqs(name: str) -> None:
    """An unknown CRYOASYNC_ variable ends the command with exit code 2."""
    known = {keys.environment_name(key) for key in keys.FIELDS}
    known |= {"PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"}
    assert OURS[name].get("environment", {}).keys() <= known


def test_no_port_is_open_beyond_loopback() -> None:
    """A database on a laboratory's network is a decision of its own."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_stands_in_the_compose_file() -> None:
    """Each comes from a variable without a default, whose absence is an error."""
    passwords = [
        value
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if name.endswith("PASSWORD")
    ]
    assert passwords
    assert all(password.startswith("${POSTGRES_PASSWORD:?") for password in passwords)


@pytest.mark.parametrize("name", OURS)
def test_a_stopped_container_waits_for_the_runs_own_grace(name: str) -> None:
    """SIGKILL comes later than the last commit."""
    run = RunSettings()
    limits = PipelineLimits(
        chunk_queue_size=run.chunk_queue_size,
        stop_grace_seconds=run.stop_grace_seconds,
        stuck_after_seconds=run.stuck_after_seconds,
    )
    seconds = float(OURS[name]["stop_grace_period"].removesuffix("s"))
    assert seconds > limits.stop_grace_seconds + limits.commit_grace_seconds


def test_services_wait_for_those_that_can_tell_their_health() -> None:
    """``service_healthy`` of a service without a health check would be waited for in vain."""
    awaited = {
        name
        for service in SERVICES.values()
        for name, on in service.get("depends_on", {}).items()
        if on["condition"] == "service_healthy"
    }
    assert awaited == {name for name, service in SERVICES.items() if "healthcheck" in service}


def test_the_simulators_health_is_asked_where_it_is_told() -> None:
    """Path and port are those that the service has."""
    port = OURS["simulator"]["command"][OURS["simulator"]["command"].index("--port") + 1]
    probe = OURS["simulator"]["healthcheck"]["test"][-1]
    assert f"http://127.0.0.1:{port}{HEALTH_PATH}" in probe
    assert f"http://simulator:{port}/rest/pug" in OURS["rehearsal"]["command"]


def test_a_rehearsal_writes_to_another_database_than_the_importer() -> None:
    """And that database is made when the server is."""
    rehearsal, importer = (OURS[name]["environment"]["PGDATABASE"] for name in ("rehearsal", "importer"))
    configs = yaml.safe_load(COMPOSE.read_text("utf-8"))["configs"]
    assert rehearsal != importer
    assert configs["simulated-database"]["content"] == f"CREATE DATABASE {rehearsal};"


def test_the_image_runs_as_a_user_who_is_not_root() -> None:
    """By number, so that Kubernetes' runAsNonRoot can see it; the same one that was made."""
    (user,) = arguments_of("USER")
    uid, gid = map(int, user.split(":"))
    assert uid == gid > 0
    assert any(f"useradd --uid {uid} " in command for command in arguments_of("RUN"))


def test_signals_reach_the_command() -> None:
    """The exec form starts no shell, which would keep SIGTERM for itself."""
    (entry_point,) = arguments_of("ENTRYPOINT")
    assert entry_point == '["cryoasync"]'


def test_what_the_image_copies_is_there_and_sent_to_the_builder() -> None:
    """.dockerignore lets nothing else through."""
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
    copied = {
        source
        for words in map(shlex.split, arguments_of("COPY"))
        if not words[0].startswith("--from")
        for source in words[:-1]
    }
    assert copied == sent
    assert all((ROOT / source).exists() for source in copied)
