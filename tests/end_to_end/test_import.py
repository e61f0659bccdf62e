"""A whole import, compared with what the simulator holds."""

import sys

import pytest

from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds, true_compounds, value

SLOWER_THAN_PLANNED_AT_MOST = 1.5
"""Far more than the usual 1.04, since other programs may keep the machine busy."""


@pytest.mark.slow
def test_an_import_is_exact_to_the_field_polite_and_as_short_as_planned(
    cryoasync: CommandLine, simulator: RunningSimulator, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """5,000 compounds with synonyms take 50 requests, break no window, and arrive as they are."""
    words = ("pubchem", "1-5000", "--base-url", simulator.base_url, "--no-cache", "--dsn", dsn, "--json")
    plan = cryoasync("plan", *words).document
    ended = cryoasync("run", *words)
    summary, seen = ended.document, simulator.statistics()
    ratio = summary["work_seconds"] / plan["shortest_seconds"]
    with capsys.disabled():
        sys.stdout.write(f"\n5,000 compounds in {ratio:.3f} of the shortest legal time\n")
    assert ended.exit_code == 0
    assert compounds(dsn) == true_compounds(simulator, 1, 5000)
    assert (summary["status"], summary["requested"], summary["imported"]) == ("finished", 5000, 5000)
    assert [summary[state] for state in ("not_found", "invalid", "failed", "pending", "already_done")] == [
        0
    ] * 5
    assert (summary["success_rate"], summary["errors"], summary["throttled"]) == (1.0, {}, 0)
    assert (seen["requests"], summary["requests"], plan["requests"]) == (50, 50, 50)
    assert (seen["violations"], seen["refused"], summary["retries"]) == (0, 0, 0)
    assert value(dsn, "SELECT count(*) FROM cryoasync.requests") == 50
    assert value(dsn, "SELECT count(*) FROM cryoasync.learned") == 2, (
        "limits by the hour, and costs of chunks"
    )
    assert ratio < SLOWER_THAN_PLANNED_AT_MOST
