"""``cryoasync ctl`` where nothing is at work, or nobody answers; the rest is tested on running imports."""

import json

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.record import Run
from cryoasync.models import RunOrders
from cryoasync.service import control_run
from tests.cli.conftest import CommandLine
from tests.cli.seeds import mixed_run, running_run, with_database
from tests.integration.database.builders import repository

COMMANDS = [("pause",), ("resume",), ("rate", "2.5"), ("rate", "policy"), ("reset-breaker",)]
LIVE = {
    "control": {**RunOrders().to_json(), "drained": False, "can_set_rate": False, "can_reset_breaker": False},
    "workers": [],
}


def hold_of(database: Database, run: Run) -> RunHold:
    hold = RunHold(database, repository(database)._owner, None)
    hold._claimed = run
    return hold


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_run_that_nothing_works_on_takes_no_orders(
    command_line: CommandLine, dsn: str, command: tuple[str, ...]
) -> None:
    """The error says how the run stands."""
    run = with_database(dsn, mixed_run)
    outcome = command_line("ctl", *command, "--dsn", dsn, "--json")
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (2, "usage")
    assert error["message"] == f"Nothing is at work on run {run.id}: it is stopped."
    assert command_line("ctl", *command, "99", "--dsn", dsn).exit_code == 2


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "fast", ""])
def test_what_is_no_rate_is_refused(command_line: CommandLine, dsn: str, rate: str) -> None:
    with_database(dsn, running_run)
    outcome = command_line("ctl", "rate", "--dsn", dsn, "--", rate)
    assert outcome.exit_code == 2
    assert "is no rate" in outcome.stderr


def test_a_run_over_files_has_no_rate(command_line: CommandLine, dsn: str) -> None:
    async def show(database: Database) -> None:
        await hold_of(database, await running_run(database)).heartbeat(LIVE)

    with_database(dsn, show)
    for command in (("rate", "2"), ("reset-breaker",)):
        outcome = command_line("ctl", *command, "--dsn", dsn)
        assert outcome.exit_code == 2
        assert "asks no source" in outcome.stderr


def test_a_process_that_does_not_answer_is_told_of_and_finds_the_orders_later(
    command_line: CommandLine, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_run, "ANSWER_SECONDS", 0.3)
    run = with_database(dsn, running_run)
    outcome = command_line("ctl", "pause", "--dsn", dsn, "--json")
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["kind"]) == (75, "run_silent")

    async def look(database: Database) -> list[RunOrders]:
        hold = hold_of(database, run)
        return [await hold.heartbeat(), await restarted(database)]

    async def restarted(database: Database) -> RunOrders:
        hold = hold_of(database, run)
        await hold.claim(await repository(database).get(str(run.id)))
        return await hold.heartbeat()

    assert with_database(dsn, look) == [RunOrders(paused=True), RunOrders()], "a new start begins without"
