"""Databases and sources that cannot be used: the exit code says whose turn it is, and no secret is told."""

import asyncio
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from cryoasync.database.embedded import EmbeddedServer
from tests.conftest import run_statement
from tests.end_to_end.commands import UNTHROTTLED, CommandLine
from tests.end_to_end.conftest import AT_ONCE, Simulators
from tests.end_to_end.simulators import RunningSimulator, simulator_of
from tests.end_to_end.tables import cids, query, value
from tests.end_to_end.waiting import wait_for
from tests.ports import free_port

PASSWORD = "correct@horse/battery"


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    return free_port()


def texts_in(folder: Path) -> str:
    """Return all that a command has written into its home, its streams among it."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return "\n".join(path.read_bytes().decode("latin-1") for path in files)


@pytest.mark.parametrize(
    ("password", "kind"),
    [(quote(PASSWORD, safe=""), "database_refused"), (PASSWORD, "usage")],
    ids=["percent-encoded", "as it is"],
)
def test_a_wrong_password_is_refused_and_never_shown(
    cryoasync: CommandLine, at_once: RunningSimulator, postgres: EmbeddedServer, password: str, kind: str
) -> None:
    """It stands in no stream, log line or file, however it was written in the DSN."""
    parts = urlsplit(postgres.tcp_dsn("postgres"))
    dsn = f"postgresql://{parts.username}:{password}@{parts.hostname}:{parts.port}/postgres"
    words = ("run", "pubchem", "1", "--base-url", at_once.base_url, "--log-level", "debug")
    for told in (
        cryoasync.start(*words, "--dsn", dsn),
        cryoasync.start(*words, environment={"DATABASE_URL": dsn}),
    ):
        assert told.end().exit_code == 2
    as_json = cryoasync(*words, "--dsn", dsn, "--json")
    assert (as_json.exit_code, as_json.error["kind"]) == (2, kind)
    written = texts_in(cryoasync.home)
    assert "error: " in written
    assert "horse" not in written
    assert "battery" not in written
    assert at_once.statistics()["requests"] == 0


def test_a_database_that_does_not_exist_is_an_error_of_usage(
    cryoasync: CommandLine, at_once: RunningSimulator, postgres: EmbeddedServer
) -> None:
    dsn = postgres.dsn("nowhere")
    ended = cryoasync("run", "pubchem", "1", "--base-url", at_once.base_url, "--dsn", dsn, "--json")
    assert (ended.exit_code, ended.error["kind"]) == (2, "database_refused")
    assert "nowhere" in ended.error["message"]


def test_a_database_never_reached_fails_at_once(
    cryoasync: CommandLine, at_once: RunningSimulator, closed_port: int
) -> None:
    """The patience of a day is for a database that was there."""
    dsn = f"postgresql://somebody:{quote(PASSWORD, safe='')}@127.0.0.1:{closed_port}/somewhere"
    ended = cryoasync("run", "pubchem", "1", "--base-url", at_once.base_url, "--dsn", dsn, "--json")
    assert (ended.exit_code, ended.error["kind"]) == (4, "database_unavailable")
    assert f"somebody@127.0.0.1:{closed_port}/somewhere" in ended.error["message"]
    assert "horse" not in texts_in(cryoasync.home)


# Many chunks, so that the eight workers see quickly that nothing there speaks the API.
MANY_CHUNKS = ("1-100", "--chunk-size", "5")


def test_a_place_that_is_not_the_api_is_left_at_once(
    cryoasync: CommandLine, simulators: Simulators, dsn: str, closed_port: int
) -> None:
    """Web pages and closed ports end with 3, whatever the patience, and leave the run to be resumed."""
    pages = simulators("--scenario", "html", "--set", "latency=none")
    for base_url in (pages.base_url, f"http://127.0.0.1:{closed_port}/rest/pug"):
        ended = cryoasync("run", "pubchem", *MANY_CHUNKS, "--base-url", base_url, "--dsn", dsn, "--json")
        assert (ended.exit_code, ended.error["kind"]) == (3, "not_the_api")
        assert base_url in ended.error["message"]
        assert (ended.document["status"], ended.document["pending"]) == ("paused", 100)
    assert pages.statistics()["requests"] < 20


def test_a_source_that_goes_away_pauses_the_run_until_it_is_back(cryoasync: CommandLine, dsn: str) -> None:
    """Beyond the patience the command ends with 3; what came before is kept, and nothing is asked for twice."""
    cryoasync.environment |= UNTHROTTLED
    options = ("--chunk-size", "10", "--no-synonyms", "--no-cache", "--patience", "0.3", "--json")
    at_once = (*AT_ONCE, "--port", str(free_port()))
    with simulator_of(*at_once) as leaving:
        words = ("run", "pubchem", "1-1000", "--base-url", leaving.base_url, "--dsn", dsn, *options)
        running = cryoasync.start(*words, "--max-rate", "20")
        wait_for(lambda: cids(dsn))
    paused = running.end()
    assert (paused.exit_code, paused.error["kind"]) == (3, "source_unavailable")
    assert paused.document["status"] == "paused"
    assert 0 < paused.document["imported"] < 1000
    with simulator_of(*at_once) as back:
        resumed = cryoasync(*words)
        assert (resumed.exit_code, resumed.document["imported"]) == (0, 1000)
        assert back.statistics()["ids"] == 1000 - paused.document["imported"]


def test_a_scenario_that_does_not_exist_leaves_no_run(cryoasync: CommandLine, dsn: str) -> None:
    refused = cryoasync("run", "pubchem", "1", "--simulate", "--scenario", "fault", "--dsn", dsn, "--json")
    assert (refused.exit_code, refused.error["kind"]) == (2, "usage")
    assert refused.error["hint"] == "Did you mean faults?"
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 0


def test_simulated_and_real_compounds_never_share_a_database(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str, empty_dsn: str
) -> None:
    """Either way the run is refused with 2, and nothing is written."""
    words = ("run", "pubchem", "1-10", "--json")
    # Below nih.gov, so that it is a real source, but a name that leads nowhere.
    real = ("--base-url", "https://pubchem.invalid.nih.gov/rest/pug")
    simulated = ("--base-url", at_once.base_url)
    cryoasync.environment.clear()
    assert cryoasync(*words, *simulated, "--dsn", dsn).exit_code == 0
    refused = cryoasync(*words, *real, "--dsn", dsn)
    assert (refused.exit_code, refused.error["kind"]) == (2, "origin")
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 1

    asyncio.run(run_statement(dsn, "UPDATE cryoasync.origin SET kind = 'real'"))
    for source in (simulated, ("--simulate",)):
        refused = cryoasync(*words, *source, "--dsn", dsn, "--refresh")
        assert (refused.exit_code, refused.error["kind"]) == (2, "origin")
        assert "real" in refused.error["message"]
    assert query(dsn, "SELECT DISTINCT run_id FROM cryoasync.pubchem_compounds") == [(1,)]
