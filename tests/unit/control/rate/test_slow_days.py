"""Days on which a source is asked more slowly."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cryoasync.control.rate.slow_days import SlowDays
from cryoasync.settings import Settings, Weekday
from cryoasync.sources.chembl.source import ChemblSource
from cryoasync.sources.pubchem.source import PubChemSource

LONDON = ZoneInfo("Europe/London")


def test_a_slow_day_has_a_ceiling_and_the_others_have_none() -> None:
    """Whatever the hour."""
    mondays = SlowDays(weekdays=frozenset({0}), requests_per_second=0.5)
    assert mondays.ceiling(datetime(2026, 11, 23, 12, tzinfo=LONDON)) == 0.5
    assert mondays.ceiling(datetime(2026, 11, 24, 12, tzinfo=LONDON)) is None


@pytest.mark.parametrize(
    ("given", "weekdays"), [((), None), ("monday", {0}), ("monday, sunday", {0, 6}), (["saturday"], {5})]
)
def test_slow_days_are_a_setting_of_chembl(given: object, weekdays: set[int] | None) -> None:
    """None are set by default, and PubChem has none."""
    settings = Settings.model_validate({"chembl": {"slow_days": given, "slow_rate": 0.5}})
    slow = ChemblSource(settings).slow_days
    assert (None if slow is None else set(slow.weekdays)) == weekdays
    assert PubChemSource(settings).slow_days is None


def test_days_are_in_the_order_of_the_week() -> None:
    """By which they are told from their names."""
    days = [datetime(2026, 11, 23 + offset, tzinfo=LONDON).strftime("%A").lower() for offset in range(7)]
    assert days == list(Weekday)
