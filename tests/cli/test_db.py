"""``cryoasync db``."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import pytest

from cryoasync.cli import db as db_module
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.service.psql import PsqlCall
from tests.cli.conftest import CommandLine, Outcome
from tests.conftest import run_statement
from tests.ports import free_port

APART = ("127.0.0.1", 1)
"""Where no server listens."""

ABROAD = f"postgresql://ada:hid%40den@{APART[0]}:{APART[1]}/lab"


@pytest.fixture
def embedded(home: Path) -> Iterator[EmbeddedServer]:
    """The embedded server of the home directory, of which nothing is left in the end."""
    server = EmbeddedServer(home / "data" / "cryoasync")
    yield server
    asyncio.run(server.destroy())


def ask(dsn: str, query: str) -> Any:
    """One value, read by a client that knows nothing of the embedded server."""

    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(run())


def psql(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``db psql`` in a process of its own, of which psql takes the place."""
    command = (sys.executable, "-m", "cryoasync", "db", "psql", *arguments)
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}, timeout=50
    )


def assert_printed(outcome: Outcome, stdout: str) -> None:
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, stdout, "")


def test_the_url_reaches_the_server_that_outlives_the_command(
    command_line: CommandLine, embedded: EmbeddedServer
) -> None:
    """Nothing ran before; the URL is all that stdout holds, and simulated compounds have a database of their own."""
    real, simulated = command_line("db", "url"), command_line("db", "url", "--simulate")
    assert [ask(found.stdout.strip(), "SELECT current_database()") for found in (real, simulated)] == [
        "cryoasync",
        "cryoasync_simulated",
    ]
    assert_printed(real, embedded.dsn("cryoasync") + "\n")


def test_up_again_changes_nothing(command_line: CommandLine, embedded: EmbeddedServer) -> None:
    """The second command finds the server of the first, and says so."""
    first, second = (json.loads(command_line("db", "up", "--json").stdout) for _ in range(2))
    assert (first["started"], first["tcp_url"]) == (True, None)
    assert second == first | {"started": False}
    assert first["pid"] == embedded.status().pid


def test_a_port_opens_tcp_and_its_password_is_printed_only_when_asked_for(
    command_line: CommandLine, embedded: EmbeddedServer
) -> None:
    """Left out, it is neither in the URL nor anywhere else; asked for, the URL works as it stands."""
    port = free_port()
    silent = command_line("db", "up", "--port", str(port))
    told = command_line("db", "up", "--show-password", "--json")
    tcp_url = json.loads(told.stdout)["tcp_url"]
    password = re.fullmatch(rf"postgresql://cryoasync:(.+)@127\.0\.0\.1:{port}/cryoasync", tcp_url)
    assert password is not None
    assert silent.stdout.splitlines() == [
        embedded.dsn("cryoasync"),
        f"postgresql://cryoasync@127.0.0.1:{port}/cryoasync",
    ]
    assert "--show-password" in silent.stderr
    assert password[1] not in silent.stdout + silent.stderr
    assert ask(tcp_url, "SELECT inet_server_port()") == port


def test_down_stops_the_server_under_open_sessions(
    command_line: CommandLine, embedded: EmbeddedServer
) -> None:
    """It does not wait for them; a second command tells that nothing ran."""
    url = command_line("db", "url").stdout.strip()

    async def under_a_session() -> Outcome:
        connection = await asyncpg.connect(url)
        try:
            return await asyncio.to_thread(command_line, "db", "down")
        finally:
            connection.terminate()

    stopped = asyncio.run(under_a_session())
    assert_printed(stopped, f"The embedded server in {embedded.status().data_dir} is stopped.\n")
    assert embedded.status().pid is None
    assert "No embedded server was running" in command_line("db", "down").stdout
    assert json.loads(command_line("db", "down", "--json").stdout)["stopped"] is False


def test_migrate_says_which_database_and_what_it_did(
    command_line: CommandLine, embedded: EmbeddedServer, home: Path
) -> None:
    """The first time it applies every migration, the second time none."""
    first, second = (
        json.loads(command_line("db", "migrate", "--simulate", "--json").stdout) for _ in range(2)
    )
    assert first["database"] == f"the embedded database cryoasync_simulated in {home}/data/cryoasync"
    assert [step["number"] for step in first["applied"]] == list(range(1, first["version"] + 1))
    assert second == first | {"applied": []}
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'cryoasync'"
    assert ask(embedded.dsn("cryoasync_simulated"), tables) > 0


def test_migrate_sets_up_the_database_of_a_dsn(command_line: CommandLine, empty_dsn: str) -> None:
    """A database that knew nothing of cryoasync has its tables afterwards."""
    outcome = command_line("db", "migrate", "--dsn", empty_dsn)
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines()[0] == "applied 1: initial"
    assert ask(empty_dsn, "SELECT count(*) FROM cryoasync.pubchem_compounds") == 0


def test_a_service_of_libpqs_is_the_database(
    command_line: CommandLine, empty_dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its variable alone; where it is not defined, no other server is taken for it."""
    parts = urlsplit(empty_dsn)
    query = dict(parse_qsl(parts.query))
    (home / ".pg_service.conf").write_text(
        f"[lab]\nhost={query['host']}\nport={query['port']}\nuser={parts.username}\ndbname={parts.path[1:]}\n"
    )
    monkeypatch.setenv("PGSERVICE", "lab")
    assert command_line("db", "migrate").exit_code == 0
    assert ask(empty_dsn, "SELECT count(*) FROM cryoasync.pubchem_compounds") == 0
    monkeypatch.setenv("PGSERVICE", "laboratory")
    refused = command_line("db", "migrate")
    assert refused.exit_code == 2
    assert "There is no service 'laboratory'" in refused.stderr


def test_destroy_removes_the_data_only_after_a_yes(
    command_line: CommandLine, embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The question goes to stderr; without an answer everything stays."""
    url = command_line("db", "url").stdout.strip()
    asyncio.run(run_statement(url, "CREATE TABLE treasure ()"))
    with (home / "empty").open("w+") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        refused = command_line("db", "destroy")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"Remove the embedded database in {home}/data/cryoasync" in refused.stderr
    assert ask(url, "SELECT count(*) FROM treasure") == 0

    outcome = command_line("db", "destroy", "--yes")
    assert_printed(outcome, f"The embedded database in {home}/data/cryoasync is removed.\n")
    assert list((home / "data" / "cryoasync").iterdir()) == []
    assert "There is no embedded database" in command_line("db", "destroy").stdout


@pytest.mark.parametrize("command", ["up", "down", "destroy"])
@pytest.mark.parametrize(
    "setting", [f"DATABASE_URL={ABROAD}", f"CRYOASYNC_DSN={ABROAD}", f"PGHOST={APART[0]}"]
)
def test_what_is_about_the_embedded_server_refuses_another_database(
    command_line: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch, command: str, setting: str
) -> None:
    """It names what puts the other one in force, and touches neither."""
    variable, _, value = setting.partition("=")
    monkeypatch.setenv(variable, value)
    outcome = command_line("db", command)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert f"another database is in force (environment {variable})" in outcome.stderr
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "printed", "password"),
    [
        (ABROAD, "postgresql://ada@127.0.0.1:1/lab", "hid@den"),
        ("postgresql://ada@h/lab?sslmode=require", "postgresql://ada@h/lab?sslmode=require", None),
        ("postgresql:///lab?password=a%2Bb&host=%2Frun", "postgresql:///lab?host=%2Frun", "a+b"),
        ("postgres://ada:x@one:1,two:2/lab", "postgres://ada@one:1,two:2/lab", "x"),
    ],
)
def test_the_password_of_a_dsn_is_shown_to_nobody_who_did_not_ask(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, given: str, printed: str, password: str | None
) -> None:
    """``db url`` leaves it out, and psql gets it where other users of the machine cannot list it."""
    outcome = command_line("db", "url", "--dsn", given)
    assert (outcome.exit_code, outcome.stdout) == (0, f"{printed}\n")
    assert ("--show-password" in outcome.stderr) == (password is not None)
    assert_printed(command_line("db", "url", "--dsn", given, "--show-password"), f"{given}\n")

    calls: list[PsqlCall] = []
    monkeypatch.setattr(db_module, "_become", calls.append)
    monkeypatch.delenv("PGPASSWORD", raising=False)
    assert command_line("db", "psql", "--dsn", given, "-c", "SELECT 1").exit_code == 0
    assert calls[0].arguments == (f"--dbname={printed}", "-c", "SELECT 1")
    assert calls[0].environment.get("PGPASSWORD") == password


@pytest.mark.parametrize("password", ["p@ss/word", "pass/w@rd", "pass?w@rd", "pass#word"])
@pytest.mark.parametrize("command", [("db", "url"), ("db", "psql")])
def test_a_dsn_that_hides_the_end_of_its_password_is_not_repeated(
    command_line: CommandLine, password: str, command: tuple[str, ...]
) -> None:
    """Taking it out could leave half of it in."""
    outcome = command_line(*command, "--dsn", f"postgresql://ada:{password}@h/lab")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "percent encoding" in outcome.stderr
    assert "ss" not in outcome.stderr.replace("password", "")


def test_the_url_of_libpqs_environment_leaves_all_to_it(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pastes it has the same variables, and is told."""
    monkeypatch.setenv("PGHOST", APART[0])
    outcome = command_line("db", "url")
    assert (outcome.exit_code, outcome.stdout) == (0, "postgresql://\n")
    assert "PG* environment variables" in outcome.stderr


def test_psql_opens_the_embedded_database_on_a_machine_without_one(
    embedded: EmbeddedServer, tmp_path: Path
) -> None:
    """Its own psql is used, whatever the ``PATH`` and the variables for other servers hold."""
    found = psql(
        *("--simulate", "-X", "-A", "-t", "-c", "SELECT current_database()"),
        PATH=str(tmp_path / "nothing"),
        PGSSLMODE="require",
        PGPASSWORD="wrong",
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "cryoasync_simulated\n", "")


def test_psql_takes_the_password_of_a_dsn(postgres: EmbeddedServer) -> None:
    """Over TCP the server asks for it; whichever psql the machine has finds it."""
    found = psql("--dsn", postgres.tcp_dsn("postgres"), "-X", "-A", "-t", "-c", "SELECT inet_server_port()")
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{postgres.status().tcp_port}\n", "")


def test_the_short_option_of_help_is_psqls_host(empty_dsn: str) -> None:
    """The DSN wins, and psql runs."""
    found = psql("--dsn", empty_dsn, "-h", "localhost", "-X", "-A", "-t", "-c", "SELECT 'run'")
    assert (found.returncode, found.stdout) == (0, "run\n")


def test_psqls_exit_code_is_the_commands(empty_dsn: str) -> None:
    """No process stays around psql; what follows two dashes is its own, even what we know."""
    found = psql("--dsn", empty_dsn, "--", "-X", "--no-such-option")
    assert (found.returncode, found.stdout) == (1, "")
    assert "--no-such-option" in found.stderr


def test_psql_that_is_not_there_is_missed_in_plain_words(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on the ``PATH`` nor in the wheel."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("cryoasync.database.embedded.programs._WHEEL", "no_such_wheel")
    outcome = command_line("db", "psql", "--dsn", ABROAD)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("error: psql is not installed.\nhint: ")
