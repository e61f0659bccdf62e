"""``cryoasync status`` and ``cryoasync runs``."""

import io
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from cryoasync.control.rate.permit_log import PermitLog
from cryoasync.control.rate.rate_policy import NANOSECONDS, CountWindow, RatePolicy
from cryoasync.database.connection import Database
from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.record import Run
from cryoasync.models import RunStatus
from tests.cli.conftest import CommandLine
from tests.cli.seeds import mixed_run, running_run, with_database
from tests.integration.database.builders import repository

LIVE: dict[str, Any] = {
    "eta_seconds": 90.0,
    "requests": 20,
    "request_rate": 4.9,
    "policy_rate": 5.0,
    "throttled": 1,
    "errors": 2,
    "held_seconds": 0.0,
    "time_shares": {"waiting for a permit": 0.7, "fetching": 0.3},
    "workers": [],
    "chunk": {
        "size": 200,
        "best": 200,
        "limit": "rate",
        "explored": False,
        "considered": [{"size": 200, "per_second": 489.0, "low": 473.2, "high": 500.0}],
    },
    "concurrency": {"under_way": 5, "limit": 6, "tried": 7, "residual": 1.02, "refused": 0},
    "database": {
        "pooler": "transaction",
        "pause": {"lasts": True, "times": 2, "seconds": 12.5},
        "pool": {
            "size": 4,
            "minimum": 2,
            "maximum": 10,
            "in_use": 3,
            "waiting": 1,
            "wait_p50_seconds": 0.0004,
            "wait_p99_seconds": 0.0123,
            "leaks": [{"holder": "someone.forgot:12 in worker-3", "seconds": 400.0}],
        },
        "writes": {
            "rows": 12000,
            "bytes": 9_400_000,
            "batches": 9,
            "seconds": 1.5,
            "retries": 2,
            "refused": 0,
            "batch_rows": 2000,
            "p50_seconds": 0.1404,
            "p95_seconds": 0.2,
            "p99_seconds": 0.3,
        },
    },
}


async def show_work(database: Database) -> Run:
    """A run at work, that has said how it goes."""
    run = await running_run(database)
    async with database.transaction() as connection:
        await connection.execute("UPDATE cryoasync.runs SET live = $1", LIVE)
    return run


async def use_budget(database: Database) -> None:
    """Two permits of a host just used, on the database's clock."""
    policy = RatePolicy(counts=(CountWindow(limit=5, seconds=1.0),))
    log = PermitLog(policy)
    async with database.transaction() as connection:
        now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        for number in (1, 2):
            log.reserve(number, round((now - number) * NANOSECONDS), 0)
        await connection.execute(
            "INSERT INTO cryoasync.rate_budgets VALUES ('https://host:443', $1, now())", log.dump(0)
        )


def test_the_latest_run_is_shown_with_its_counts(command_line: CommandLine, dsn: str) -> None:
    """Without an argument the run that was started last is meant."""
    run = with_database(dsn, mixed_run)
    outcome = command_line("status", "--dsn", dsn, "--json")
    assert outcome.exit_code == 0
    report = json.loads(outcome.stdout)
    expected = {"run_id": run.id, "status": "stopped", "requested": 6, "imported": 2, "not_found": 1}
    assert report.items() >= {**expected, "invalid": 1, "failed": 1, "pending": 1, "owner": None}.items()
    assert report["live"] is None
    text = command_line("status", "trial", "--dsn", dsn, "--explain").stdout
    assert "5 of 6 (83.3%)" in text
    assert "the same command goes on where it was" in text


def test_a_run_at_work_says_what_limits_it(command_line: CommandLine, dsn: str) -> None:
    """A living process, its estimate, and the sentence that saves people from adding workers."""
    with_database(dsn, show_work)
    report = json.loads(command_line("status", "--dsn", dsn, "--json").stdout)
    assert (report["status"], report["owner"]["state"], report["eta_seconds"]) == ("running", "alive", 90.0)
    text = command_line("status", "--dsn", dsn, "--explain").stdout
    assert "more workers will not help" in text
    assert "200 brings 489 a second (473 to 500)" in text
    assert "5 requests under way of 6" in text
    assert "0:01:30" in text
    assert "4 connections (of 2 to 10), 3 in use, 1 waited for, fetching is paused" in text


def test_a_run_at_work_says_how_it_stands_with_its_database(command_line: CommandLine, dsn: str) -> None:
    """That it waits for it, what is in between, how long connections are waited for, and who forgot one."""
    with_database(dsn, show_work)
    text = " ".join(command_line("status", "--dsn", dsn, "--explain").stdout.split())
    assert "nothing is fetched until it has caught up" in text
    assert "A pooler in transaction mode" in text
    assert "half of those who wanted one waited less than 1 ms, all but 1 % less than 12 ms" in text
    assert "12,000 rows (9.4 MB) in 9 batches, 2 of them begun again: 8,000 rows a second of writing" in text
    assert "less than 140 ms, all but 5 % less than 200 ms; one has up to 2,000 rows" in text
    assert "someone.forgot:12 in worker-3 has had a connection for 400 s" in text


def test_a_run_whose_process_is_gone_is_interrupted(command_line: CommandLine, dsn: str) -> None:
    """What the dead process said last is not shown as the present."""

    async def kill(database: Database) -> None:
        await show_work(database)
        async with database.transaction() as connection:
            # A process of that number lives, but began at another time.
            await connection.execute(
                "UPDATE cryoasync.runs SET owner = jsonb_set(owner, '{process_started_at}', '1')"
            )

    with_database(dsn, kill)
    report = json.loads(command_line("status", "--dsn", dsn, "--json").stdout)
    assert (report["status"], report["owner"]["state"], report["live"]) == ("interrupted", "dead", None)


def test_the_rate_budget_is_counted_on_the_databases_clock(command_line: CommandLine, dsn: str) -> None:
    """Both permits are in the minute; the policy's windows are those of the settings."""
    with_database(dsn, mixed_run)
    with_database(dsn, use_budget)
    (budget,) = json.loads(command_line("status", "--dsn", dsn, "--json").stdout)["rate_budgets"]
    assert budget["host"] == "https://host:443"
    assert [window["limit"] for window in budget["windows"]] == [5, 400]
    assert budget["windows"][1]["used"] == 2


def test_watching_ends_with_the_run(command_line: CommandLine, dsn: str) -> None:
    """The last state is printed once, though the run was at work when the command began."""
    run = with_database(dsn, show_work)

    async def finish(database: Database) -> None:
        hold = RunHold(database, repository(database)._owner, None)
        hold._claimed = run
        await hold.finish(RunStatus.FINISHED)

    ending = threading.Timer(0.5, lambda: with_database(dsn, finish))
    ending.start()
    outcome = command_line("status", "--dsn", dsn, "--watch", "--json")
    ending.join()
    assert json.loads(outcome.stdout)["status"] == "finished"


@pytest.mark.parametrize("arguments", [("status",), ("status", "99"), ("runs", "delete", "99", "--yes")])
def test_a_run_that_does_not_exist_is_a_usage_error(
    command_line: CommandLine, dsn: str, arguments: tuple[str, ...]
) -> None:
    """The hint says where to look."""
    outcome = command_line(*arguments, "--dsn", dsn)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "hint: " in outcome.stderr


def test_runs_are_listed_the_latest_first(command_line: CommandLine, dsn: str) -> None:
    """The counts are those of the database."""
    first = with_database(dsn, mixed_run)
    second = with_database(dsn, mixed_run)
    runs = json.loads(command_line("runs", "list", "--dsn", dsn, "--json").stdout)["runs"]
    assert [run["run_id"] for run in runs] == [second.id, first.id]
    assert runs[0]["failed"] == 1
    assert datetime.fromisoformat(runs[0]["started_at"]).tzinfo == UTC
    lines = command_line("runs", "list", "--dsn", dsn).stdout.splitlines()
    assert len(lines) == 3


def test_a_deleted_run_leaves_its_compounds(command_line: CommandLine, dsn: str) -> None:
    """Entries, failures and requests go with the run."""
    run = with_database(dsn, mixed_run)
    assert command_line("runs", "delete", str(run.id), "--yes", "--dsn", dsn).exit_code == 0

    async def count(database: Database) -> list[int]:
        async with database.transaction() as connection:
            return [
                await connection.fetchval(f"SELECT count(*) FROM cryoasync.{table}")
                for table in ("runs", "run_inputs", "failures", "requests", "pubchem_compounds")
            ]

    assert with_database(dsn, count) == [0, 0, 0, 0, 2]


def test_deleting_asks_first(command_line: CommandLine, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of no, as one without an answer, deletes nothing."""
    run = with_database(dsn, mixed_run)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    outcome = command_line("runs", "delete", str(run.id), "--dsn", dsn)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert command_line("status", str(run.id), "--dsn", dsn).exit_code == 0
