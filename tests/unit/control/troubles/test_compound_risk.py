"""What is learned of compounds that fail, and when it is used."""

import random
from collections.abc import Container

import pytest

from cryoasync.control.troubles.compound_risk import CategoryRisk, CompoundRisk
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.logistic_model import LogisticModel, Reliability

SICK = range(40_000, 44_096)


def learned(rate: float, sick_rate: float, *, sick: Container[int] = SICK) -> CategoryRisk:
    """What is known after 60,000 compounds in order, of which those that are ``sick`` fail more often."""
    risk, rng = CategoryRisk(), random.Random(3)
    for number in range(1, 60_001):
        if rng.random() < (sick_rate if number in sick else rate):
            first = 1 + (number - 1) // 200 * 200
            risk.blamed(number, 12.0, range(first, first + 200))
        elif number % 200 == 0:
            risk.passed(number, 12.0, 200)
    return risk


def test_neighbours_of_those_that_failed_are_more_likely_to_fail() -> None:
    risk = learned(1e-3, 0.05)
    assert risk.probability(SICK.start + 100, 12.0) > 5 * risk.probability(90_000, 12.0)


def test_its_probabilities_can_be_trusted() -> None:
    """Told before each case: calibrated, and better than a coin."""
    told = learned(1e-3, 0.05).to_json()
    assert told["calibration_error"] <= 0.05
    assert told["area_under_curve"] >= 0.75
    assert told["recall"] > 0.3
    assert told["precision"] > 5e-3


def test_it_is_used_only_where_that_saves_requests() -> None:
    """Sick spots within a batch stand out in it; a sick region is a matter of whole batches."""
    spots = {number for start in range(0, 60_000, 3_000) for number in range(start, start + 64)}
    assert learned(1e-4, 0.2, sick=spots).is_used
    assert not learned(1e-3, 1e-3).is_used, "there is nothing to be foretold"
    assert not learned(1e-5, 1e-4).is_used, "it is too rare"


def test_kinds_of_failure_are_learned_from_their_first_one_on() -> None:
    risk = CompoundRisk()
    risk.passed("7", 3.0, 200)
    assert risk.is_empty
    assert risk.probabilities(["7"], 3.0) == {}
    risk.blamed("CHEMBL25", 3.0, ErrorCategory.REJECTED, ["CHEMBL25", "CHEMBL26"])
    told = risk.probabilities(["CHEMBL25", "CHEMBL4000000"], 3.0)
    assert set(told) == {ErrorCategory.REJECTED}
    assert told[ErrorCategory.REJECTED][0] > told[ErrorCategory.REJECTED][1]
    assert risk.probabilities(["CHEMBL25"], 3.0, only_used=True) == {}


def test_the_model_finds_the_probabilities_behind_the_cases() -> None:
    rng, model = random.Random(5), LogisticModel(1)
    for _ in range(20_000):
        feature = rng.choice((-1.0, 1.0))
        model.learn([feature], happened=rng.random() < (0.2 if feature > 0 else 0.02))
    assert model.probability([1.0]) == pytest.approx(0.2, rel=0.3)
    assert model.probability([-1.0]) == pytest.approx(0.02, rel=0.5)


def test_reliability_tells_how_good_forecasts_were() -> None:
    told = Reliability()
    assert (told.calibration_error, told.discrimination) == (None, None)
    assert told.precision_and_recall(0.5) == (None, None)
    told.add(0.9, happened=True)
    told.add(0.001, happened=False, times=8.0)
    told.add(0.9, happened=False)
    assert told.discrimination == pytest.approx((8 + 0.5) / 9)
    assert told.precision_and_recall(0.5) == (0.5, 1.0)
    assert told.calibration_error == pytest.approx((0.8 + 0.008) / 10)
