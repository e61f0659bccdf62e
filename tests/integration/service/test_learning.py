"""What is learned of a source, kept in a database."""

from typing import Any

import pytest

from cryoasync.control.chunks.half_hours import HalfHourTable
from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.rate_belief import RateBelief
from cryoasync.database.connection import Database
from cryoasync.database.learned import LearnedStates
from cryoasync.service.learning import HALF_HOURS, HOURS, Learning
from tests.conftest import Fetch, run_statement
from tests.unit.control.chunks.sizing import LineSource, chunk_sizer

HOST = "https://pubchem.test:443"


async def test_the_next_run_begins_with_all_that_the_last_one_knew(database: Database) -> None:
    """Limits by hour, and costs of both endpoints by half-hour."""
    learning = await Learning.load(LearnedStates(database), HOST)
    assert (learning.hours.counts, learning.half_hours.costs) == ({}, {})
    learning.hours.learn(9, RateBelief(5).cells, 3600.0)
    source = LineSource(chunk_sizer(table=learning.half_hours), endpoints=("property", "synonyms"))
    source.hazard = 0.01
    source.answer(300)
    await learning.save(source.sizer)

    again = await Learning.load(LearnedStates(database), HOST)
    assert again.hours.counts == learning.hours.counts
    assert again.half_hours.costs == source.sizer.learned().costs
    assert set(again.half_hours.latest) == {"property", "synonyms"}
    other = await Learning.load(LearnedStates(database), "https://ebi.test:443")
    assert other.half_hours.costs == {}, "each host for itself"


@pytest.mark.parametrize("state", [[1, 2], {"costs": {"noon": 1}}, {"latest": {"property": {"hazard": "?"}}}])
async def test_a_state_of_another_form_counts_as_none(database: Database, state: Any) -> None:
    states = LearnedStates(database)
    for subject in (HOURS, HALF_HOURS):
        await states.save(HOST, subject, state)
    learning = await Learning.load(states, HOST)
    assert learning.hours.counts == {}
    assert (learning.half_hours.costs, learning.half_hours.latest) == ({}, {})


async def test_an_outage_of_the_database_costs_nothing_but_the_saving(
    database: Database, dsn: str, fetch: Fetch
) -> None:
    """The next minute tries again."""
    learning = Learning(LearnedStates(database), HOST, HourTable(), HalfHourTable())
    source = LineSource(chunk_sizer())
    source.answer(100)
    await run_statement(
        dsn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    await learning.save(source.sizer)
    await learning.save(source.sizer)
    assert await fetch("SELECT count(*) FROM cryoasync.learned") == [(2,)]
