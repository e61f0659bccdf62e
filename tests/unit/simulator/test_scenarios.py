"""Finding a scenario, and setting its parameters."""

import random

import pytest

from cryoasync.errors import UsageError
from cryoasync.simulator.faults import Blackout, Fault
from cryoasync.simulator.scenarios import SCENARIOS, Latency, find_scenario


def test_every_scenario_is_found_by_its_name_unchanged() -> None:
    """Without overrides a scenario is what it was declared to be."""
    assert [find_scenario(scenario.name) for scenario in SCENARIOS] == list(SCENARIOS)
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_an_unknown_scenario_lists_the_known_and_guesses() -> None:
    """The error names every scenario, and the nearest one as a hint."""
    with pytest.raises(UsageError, match="steady, faults, unthrottled") as error:
        find_scenario("stedy")
    assert error.value.hint == "Did you mean steady?"


def test_parameters_are_set_along_their_path() -> None:
    """Numbers, choices and shares of faults take their values from text."""
    scenario = find_scenario(
        "blackout",
        ["blackout.lasts_seconds=5", "blackout.fault=hang", "policy.limits.requests_per_second=2"],
    )
    assert scenario.blackout == Blackout(lasts_seconds=5.0, fault=Fault.HANG)
    assert scenario.policy is not None
    assert scenario.policy.limits.requests_per_second == 2


def test_a_part_that_is_off_comes_on_with_its_defaults() -> None:
    """One parameter of an absent part is enough, whatever the scenario."""
    scenario = find_scenario("unthrottled", ["blackout.after_requests=3", "faults.timeout=0.25"])
    assert scenario.blackout == Blackout(after_requests=3)
    assert scenario.faults == {Fault.TIMEOUT: 0.25}


def test_a_part_is_switched_off_by_none() -> None:
    """``policy=none`` leaves the rest of the scenario alone."""
    scenario = find_scenario("steady", ["policy=none"])
    assert scenario.policy is None
    assert scenario.latency == Latency()


@pytest.mark.parametrize(
    "override",
    [
        "blackout",
        "blackout.length=5",
        "faults.unheard_of=0.1",
        "faults.timeout=1.5",
        "latency.sigma=wide",
        "blackout.fault=unheard_of",
        "name.first=x",
        "policy.retry_after_seconds=-1",
    ],
)
def test_an_impossible_override_is_a_usage_error(override: str) -> None:
    """A parameter that does not exist, and a value it cannot have, are refused."""
    with pytest.raises(UsageError):
        find_scenario("steady", [override])


def test_an_answer_with_200_ids_takes_about_three_tenths_of_a_second() -> None:
    """The mean of many answers is the formula's, and all are positive."""
    rng = random.Random(1)
    times = [Latency().draw_seconds(rng, 200) for _ in range(5000)]
    assert sum(times) / len(times) == pytest.approx(0.28, rel=0.02)
    assert min(times) > 0


def test_the_faults_scenario_has_the_promised_mixture() -> None:
    """The rates are those that imports are tested with."""
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
