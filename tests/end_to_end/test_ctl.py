"""An import that is paused, resumed and slowed down by another process."""

from signal import SIGTERM
from typing import Any

import pytest

from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import cids, value
from tests.end_to_end.waiting import wait_for


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_run_is_paused_resumed_and_slowed_down_and_loses_nothing(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """What was in hand is saved in the pause, nothing is asked meanwhile, and a signal still stops the run."""
    words = ("pubchem", "1-2000", "--no-synonyms", "--chunk-size", "10", "--no-cache", "--rdkit", "off")
    running = cryoasync.start("run", *words, "--dsn", dsn, "--max-rate", "4", "--json")
    wait_for(lambda: cids(dsn))

    def status() -> dict[str, Any]:
        return cryoasync("status", "--dsn", dsn, "--json").document

    def pause() -> int:
        paused = cryoasync("ctl", "pause", "--dsn", dsn, "--json")
        assert (paused.exit_code, paused.document["paused"]) == (0, True)
        wait_for(lambda: value(dsn, "SELECT (live #>> '{control,drained}')::boolean FROM cryoasync.runs"))
        return len(cids(dsn))

    saved, seen = pause(), at_once.statistics()["requests"]
    assert saved == seen * 10
    assert any("paused" in sentence for sentence in status()["explanation"])
    slowed = cryoasync("ctl", "rate", "0.01", "--dsn", dsn, "--json")
    assert (slowed.document["max_rate"], slowed.document["paused"]) == (0.01, True)
    assert "paused, at most 0.01 requests a second" in cryoasync("status", "--dsn", dsn).stdout
    assert (at_once.statistics()["requests"], len(cids(dsn))) == (seen, saved)

    assert cryoasync("ctl", "rate", "policy", "--dsn", dsn, "--json").document["max_rate"] is None
    assert cryoasync("ctl", "reset-breaker", "--dsn", dsn, "--json").document["breaker_resets"] == 1
    assert cryoasync("ctl", "resume", "--dsn", dsn).exit_code == 0
    wait_for(lambda: len(cids(dsn)) > saved)
    saved = pause()
    running.signal(SIGTERM)
    stopped = running.end()
    assert (stopped.exit_code, stopped.document["imported"]) == (143, saved)
    assert cryoasync("ctl", "resume", "--dsn", dsn).exit_code == 2
    again = cryoasync("run", *words, "--dsn", dsn, "--json")
    assert (again.exit_code, again.document["imported"]) == (0, 2000)
    assert at_once.statistics()["ids"] == 2000
