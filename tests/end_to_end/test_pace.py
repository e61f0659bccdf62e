"""The windows of the policy in real time, as the simulator counts them."""

from functools import partial

import pytest

from tests.end_to_end.commands import GUARDED, CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.waiting import wait_for


def has_counted(simulator: RunningSimulator, requests: int) -> bool:
    return int(simulator.statistics()["requests"]) >= requests


WORDS = ("--chunk-size", "1", "--no-synonyms", "--rdkit", "off", "--no-cache", "--json")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_two_imports_into_one_database_one_of_them_killed_again_and_again_keep_every_window(
    cryoasync: CommandLine, simulator: RunningSimulator, dsn: str
) -> None:
    """They share 5 requests a second, and hardly any of it is wasted."""
    cryoasync.environment |= GUARDED
    where = ("--base-url", simulator.base_url, "--dsn", dsn)
    other = cryoasync.start("run", "pubchem", "301-350", *where, *WORDS)
    for _ in range(2):
        seen = simulator.statistics()["requests"]
        killed = cryoasync.start("run", "pubchem", "1-50", *where, *WORDS)
        wait_for(partial(has_counted, simulator, seen + 8))
        killed.process.kill()
        killed.process.wait()
    last = cryoasync("run", "pubchem", "1-50", *where, *WORDS, seconds=120.0)
    assert (last.exit_code, last.document["imported"]) == (0, 50)
    assert (other.end(120.0).exit_code, other.end().document["imported"]) == (0, 50)
    counted = simulator.statistics()
    assert (counted["violations"], counted["refused"]) == (0, 0)
    assert counted["peak_per_second"] <= 5
