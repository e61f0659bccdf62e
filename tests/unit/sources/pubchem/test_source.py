"""PubChem as a source: what makes a run of it, and what it allows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.settings import PolicySettings, Settings
from cryoasync.sources.pubchem.identifiers import CID_SCHEME
from cryoasync.sources.pubchem.source import PubChemSource, rate_policy
from cryoasync.sources.registry import SOURCES, Source


def source(**run: Any) -> PubChemSource:
    """A source whose run has these settings."""
    return PubChemSource(Settings.model_validate({"run": run}))


def test_pubchem_is_found_by_its_name() -> None:
    """Commands and tables call it so; it reads CIDs, and asks PubChem unless told otherwise."""
    found: Source = SOURCES["pubchem"](Settings())
    assert found.name == "pubchem"
    assert found.scheme is CID_SCHEME
    assert found.base_url == "https://pubchem.ncbi.nlm.nih.gov/rest/pug"
    assert {make(Settings()).name for make in SOURCES.values()} == SOURCES.keys()


def test_the_published_limits_are_kept() -> None:
    """Five requests in any second, 400 in any minute, 300 s of running time in any minute."""
    assert source().policy == RatePolicy(
        counts=(CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0)),
        running_time=RunningTimeWindow(limit_seconds=300.0, seconds=60.0),
        guard_seconds=0.04,
        tolerance_seconds=0.02,
    )


def test_a_rate_can_only_be_lowered() -> None:
    """The ceiling asked for stands beside the published windows, and never in their place."""
    policy = source(max_rate=2.0).policy
    assert policy.counts == (*source().policy.counts, CountWindow(limit=1, seconds=0.5))
    assert policy.requests_per_second == 2.0
    assert source(max_rate=50.0).policy.requests_per_second == source().policy.requests_per_second
    assert policy.tolerance_seconds <= policy.guard_seconds


def test_a_limit_of_zero_is_none() -> None:
    """For a mirror of one's own; with none at all requests go out at once."""
    unlimited = PolicySettings(requests_per_second=0, requests_per_minute=0, running_seconds_per_minute=0)
    assert rate_policy(unlimited).is_unlimited
    some = rate_policy(PolicySettings(requests_per_second=0, requests_per_minute=60))
    assert some.counts == (CountWindow(limit=60, seconds=60.0),)
    assert some.running_time is not None


@pytest.mark.parametrize(
    ("changed", "is_another"),
    [
        ({"synonyms": False}, True),
        ({"properties": ("Volume3D",)}, True),
        ({"rdkit": "all"}, True),
        ({"limit": 5}, True),
        ({"workers": 2}, False),
        ({"chunk_size": "7"}, False),
        ({"max_rate": 1.0}, False),
        ({"cache": "off"}, False),
        ({"refresh": True}, False),
        ({"sequential": True}, False),
    ],
)
def test_only_what_changes_rows_makes_another_run(changed: Mapping[str, Any], is_another: bool) -> None:
    """The same list with more workers goes on with the run that was begun."""
    assert (source(**changed).row_settings() != source().row_settings()) is is_another


def test_the_order_of_properties_makes_no_other_run() -> None:
    """Nor does it ask for other rows."""
    one, other = (
        source(properties=names) for names in (("Volume3D", "PatentCount"), ("PatentCount", "Volume3D"))
    )
    assert one.row_settings() == other.row_settings()


def test_a_chunk_takes_a_request_an_endpoint() -> None:
    """Plans are made with that."""
    assert source().requests_per_chunk == 2
    assert source(synonyms=False).requests_per_chunk == 1


def test_fresh_compounds_are_those_with_all_that_is_asked_for() -> None:
    """The query is given the time, whether synonyms are asked for, and the further properties."""
    since = datetime(2026, 11, 1, tzinfo=UTC)
    query, arguments = source(synonyms=False, properties=("Volume3D",)).fresh_compounds(since)
    assert arguments == (since, False, ["Volume3D"])
    assert "$1" in query
    assert "$4" in query
    assert "$5" not in query
