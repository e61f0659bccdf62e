"""How long something has been out of reach."""

import pytest

from cryoasync.control.outage import Outage


def test_an_outage_begins_with_the_first_failure_after_a_success() -> None:
    outage = Outage(10.0)
    assert outage.lasted_seconds(5.0) == 0.0
    outage.failed(5.0)
    outage.failed(9.0)
    assert outage.lasted_seconds(12.0) == 7.0


def test_a_success_ends_it_and_the_next_one_is_measured_afresh() -> None:
    outage = Outage(10.0)
    outage.failed(0.0)
    outage.succeeded()
    assert not outage.is_beyond_patience(1e9)
    outage.failed(100.0)
    assert outage.lasted_seconds(104.0) == 4.0


@pytest.mark.parametrize(
    ("patience", "lasted", "beyond"),
    [(10.0, 10.0, False), (10.0, 10.1, True), (0.0, 0.0, False), (0.0, 0.1, True)],
)
def test_the_patience_is_over_after_its_seconds(patience: float, lasted: float, *, beyond: bool) -> None:
    outage = Outage(patience)
    assert not outage.is_beyond_patience(1e9), "in reach, nothing wears it out"
    outage.failed(1.0)
    assert outage.is_beyond_patience(1.0 + lasted) is beyond
