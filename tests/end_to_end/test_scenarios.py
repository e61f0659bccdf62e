"""Whatever goes wrong at the source, every compound arrives whole, and nobody is asked more than is allowed."""

from collections.abc import Mapping

import pytest

from cryoasync.simulator.faults import Fault
from cryoasync.simulator.scenarios import find_scenario
from tests.end_to_end.bad_days import DAYS, Import
from tests.end_to_end.molecules import listed_molecules, molecules
from tests.end_to_end.tables import compounds, states, true_compounds

LIMIT_SECONDS = 150.0
LIMIT_RUNNING_SECONDS = 300.0


def test_the_scenario_of_faults_has_what_was_agreed() -> None:
    """27 % of requests in all."""
    assert find_scenario("faults").faults == {
        Fault.SERVER_BUSY: 0.06,
        Fault.TIMEOUT: 0.04,
        Fault.SERVER_ERROR: 0.03,
        Fault.HTML_BAD_GATEWAY: 0.03,
        Fault.CONNECTION_RESET: 0.04,
        Fault.TRUNCATED: 0.03,
        Fault.HTML_PAGE: 0.02,
        Fault.MISSING_ROWS: 0.02,
    }


def assert_all_arrived(one: Import) -> None:
    """See that the compounds asked for are there to the field, and no others."""
    day = one.day
    if day.source == "pubchem":
        assert compounds(one.dsn) == true_compounds(one.simulator, 1, day.last)
        return
    truth = listed_molecules(one.simulator)
    assert molecules(one.dsn) == {
        day.id_of(number): truth[day.id_of(number)] for number in range(1, day.last + 1)
    }


@pytest.mark.slow
@pytest.mark.timeout(2 * LIMIT_SECONDS)
@pytest.mark.parametrize("scenario", DAYS)
def test_on_a_bad_day_every_compound_arrives_whole(imports: Mapping[str, Import], scenario: str) -> None:
    """All that exist are imported to the field, the others not found, the errors met are the day's and recovered."""
    one, day = imports[scenario], DAYS[scenario]
    ended = one.running.end(LIMIT_SECONDS)
    assert ended.exit_code == 0, ended.stderr
    summary, seen = ended.document, one.simulator.statistics(day.source)
    assert_all_arrived(one)
    missing = day.missing + 1 - day.absent
    assert states(one.dsn)[day.last :] == [
        (day.id_of(day.absent + number), "not_found") for number in range(missing)
    ]
    ways = [summary[way] for way in ("imported", "not_found", "invalid", "failed", "pending")]
    assert ways == [day.last, missing, 0, 0, 0]
    assert (summary["requested"], summary["success_rate"]) == (sum(ways), 1.0)
    # A narrowed question may happen to hold nothing but compounds without synonyms, of which PubChem says 404.
    met = {category: count for category, count in summary["errors"].items() if category != "not_found"}
    assert met.keys() == day.errors
    assert summary["recovered"] == summary["errors"]
    assert sum(met.values()) <= sum(seen["faults"].values()) + seen["refused"]
    assert (seen["requests"], seen["violations"], seen["blocks"]) == (summary["requests"], 0, 0)
    assert seen["running_seconds_peak"] < LIMIT_RUNNING_SECONDS
    # A host that refuses is left alone, and not found out about by each worker.
    assert seen["refused"] <= 4


@pytest.mark.slow
@pytest.mark.timeout(2 * LIMIT_SECONDS)
def test_the_import_with_faults_has_met_each_kind_of_them(imports: Mapping[str, Import]) -> None:
    """Else the others would say little."""
    imports["faults"].running.end(LIMIT_SECONDS)
    assert imports["faults"].simulator.statistics()["faults"].keys() == find_scenario("faults").faults.keys()
