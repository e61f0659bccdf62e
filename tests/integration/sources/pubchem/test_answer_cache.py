"""PubChem behind a response cache on a real file."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryoasync.http.cache import ResponseCache
from cryoasync.models import Activity
from cryoasync.sources.asking.answer_cache import Answers, CachedClient
from cryoasync.sources.asking.fetch import Absent, Failed, Found
from cryoasync.sources.pubchem.endpoints import SYNONYMS, Endpoint, property_endpoint
from tests.unit.sources.pubchem.builders import (
    EPOCH,
    HOST,
    PROPERTIES,
    Behaviour,
    Bench,
    Reply,
    Request,
    entries,
    fault,
    table,
    whole,
    written,
)

DAY = 86_400.0


class AtOnce(random.Random):
    """Draws no time to wait."""

    def uniform(self, a: float, b: float) -> float:
        """Return the least."""
        return a


class Import:
    """One start of a run against one cache file."""

    def __init__(self, bench: Bench, client: CachedClient[Endpoint]) -> None:
        self.bench = bench
        self._client = client
        self.activities: list[Activity] = []

    async def fetch(self, count: int, endpoint: Endpoint = PROPERTIES) -> Answers:
        """Ask for a chunk."""
        return await self._client.fetch(endpoint, entries(count), self.activities.append)

    async def remembered(self, count: int) -> set[str]:
        """Return which of a chunk the cache knows."""
        return set(await self._client.remembered(PROPERTIES, entries(count)))

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """The ids of each request that went out."""
        return [request.ids for request in self.bench.requests]


@asynccontextmanager
async def importing(
    path: Path,
    behaviour: Behaviour = whole,
    *,
    days_later: float = 0.0,
    max_age_days: float = 30.0,
    origin: str = HOST,
) -> AsyncIterator[Import]:
    """Open the cache, and ask a server with this behaviour for what it does not have."""
    problems: list[object] = []
    async with ResponseCache.open(path, max_bytes=10**8, warn=problems.append) as cache:
        bench = Bench(behaviour, exchange_seconds=0.0, rng=AtOnce())
        client = CachedClient(
            bench.client,
            cache,
            origin=origin,
            max_age_seconds=max_age_days * DAY,
            wall_clock=lambda: EPOCH + timedelta(hours=1, days=days_later),
        )
        yield Import(bench, client)
    assert problems == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache stands."""
    return tmp_path / "responses.sqlite"


async def test_what_was_answered_before_takes_no_request(path: Path) -> None:
    """Nor a permit, also in a later process; the answer keeps the time at which it was given."""
    async with importing(path) as first:
        fresh = await first.fetch(5)
    async with importing(path, days_later=1.0) as second:
        cached = await second.fetch(5)
        assert second.asked == []
        assert second.bench.limiter.get_stats().used == 0
        assert second.activities == []
    assert len(fresh.attempts) == 1
    assert cached.attempts == ()
    assert {key: (bytes(answer.raw), answer.answered_at) for key, answer in found(cached).items()} == {
        key: (bytes(answer.raw), answer.answered_at) for key, answer in found(fresh).items()
    }


def found(answers: Answers) -> dict[str, Found]:
    """Return the answers, all of which must have rows."""
    rows = {key: answer for key, answer in answers.by_id.items() if isinstance(answer, Found)}
    assert rows.keys() == answers.by_id.keys()
    return rows


async def test_only_what_is_missing_is_asked_for(path: Path) -> None:
    """A longer list over the same cache takes a request for the rest."""
    async with importing(path) as first:
        await first.fetch(3)
        answers = await first.fetch(5)
        assert first.asked == [("1", "2", "3"), ("4", "5")]
    assert found(answers).keys() == {"1", "2", "3", "4", "5"}


async def test_answers_grow_too_old(path: Path) -> None:
    """Beyond the greatest age they are asked for again, and the new ones replace them."""
    async with importing(path) as first:
        await first.fetch(2)
    async with importing(path, days_later=29.0) as second:
        await second.fetch(2)
        assert second.asked == []
    async with importing(path, days_later=31.0) as third:
        await third.fetch(2)
        assert third.asked == [("1", "2")]
        assert await third.remembered(2) == {"1", "2"}


async def test_with_no_age_allowed_everything_is_asked_for(path: Path) -> None:
    """That is what --refresh does; as a last resort the old answers are remembered all the same."""
    async with importing(path) as first:
        await first.fetch(2)
    async with importing(path, max_age_days=0.0) as second:
        assert await second.remembered(3) == {"1", "2"}
        await second.fetch(2)
        assert second.asked == [("1", "2")]


def refusing(request: Request) -> Reply:
    """Know nothing of 1, fail on 2, leave 3 bare, garble the row of 4, give no synonyms of 5."""
    if "1" in request.ids:
        return fault(404, "NotFound")
    if "2" in request.ids:
        return fault(400, "BadRequest")
    garbled: dict[str, object] = {"CID": 4, "Charge": "many", "Synonym": 7}
    rows = {"3": {"CID": 3}, "4": garbled, "5": {"CID": 5}}
    return written({"InformationList": {"Information": [rows[cid] for cid in request.ids]}})


@pytest.mark.parametrize(
    ("endpoint", "asked_again"),
    [(PROPERTIES, ("1", "2", "3", "4", "5")), (SYNONYMS, ("1", "2", "4"))],
    ids=["properties", "synonyms"],
)
async def test_only_what_says_something_is_kept(
    path: Path, endpoint: Endpoint, asked_again: tuple[str, ...]
) -> None:
    """Faults, absences and rows that cannot be read are asked again; of a bare row it depends on what was asked.

    It knows nothing of the compound; but of synonyms it says that there are none, which is an answer.
    """
    async with importing(path, refusing) as first:
        answers = await first.fetch(5, endpoint)
    assert [type(answers.by_id[str(cid)]) for cid in range(1, 6)] == [Absent, Failed, Found, Found, Found]
    async with importing(path) as second:
        assert found(await second.fetch(5, endpoint)).keys() == {"1", "2", "3", "4", "5"}
        assert second.asked == [asked_again]


async def test_a_row_that_cannot_be_read_leaves_the_older_answer_in_place(path: Path) -> None:
    """So that something is at hand where PubChem has nothing better."""
    async with importing(path) as first:
        await first.fetch(1)
    async with importing(path, lambda request: table(request.ids, Charge="many"), days_later=40.0) as second:
        await second.fetch(1)
        assert await second.remembered(1) == {"1"}
        (kept,) = (await second._client.remembered(PROPERTIES, entries(1))).values()
    assert isinstance(kept, Found)
    assert b"many" not in bytes(kept.raw)


async def test_hosts_and_sets_of_properties_do_not_mix(path: Path) -> None:
    """A simulator's answers are not PubChem's, and one set of properties is not another."""
    async with importing(path) as first:
        await first.fetch(1)
        await first.fetch(1, property_endpoint(("Volume3D",)))
        await first.fetch(1, SYNONYMS)
        assert len(first.asked) == 3
    async with importing(path, origin="http://127.0.0.1:8000") as second:
        await second.fetch(1)
        assert len(second.asked) == 1


async def test_without_a_cache_every_chunk_is_asked_for() -> None:
    """And nothing is remembered; an empty chunk takes no request in any case."""
    bench = Bench(exchange_seconds=0.0)
    client = CachedClient(
        bench.client, None, origin=HOST, max_age_seconds=DAY, wall_clock=lambda: datetime.now(UTC)
    )
    for _ in range(2):
        await client.fetch(PROPERTIES, entries(2), bench.activities.append)
    await client.fetch(PROPERTIES, [], bench.activities.append)
    assert len(bench.requests) == 2
    assert await client.remembered(PROPERTIES, entries(2)) == {}
