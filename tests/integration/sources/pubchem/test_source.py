"""PubChem's processor as a run opens it: transport, cache, client and options together."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryoasync.chemistry.models import Descriptors, Rejected, Structure
from cryoasync.control.chunks.answer_times import AnswerTimes
from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.control.traffic import Traffic
from cryoasync.control.troubles.error_handler import PredictiveErrorHandler
from cryoasync.http.cache import ResponseCache
from cryoasync.http.cache_models import CacheProblem
from cryoasync.http.reach import SIMULATOR_HEADER, Reach
from cryoasync.models import Chunk, ChunkResult, EntryState, Span
from cryoasync.settings import Settings
from cryoasync.sources.asking.guards import Guards
from cryoasync.sources.equipment import Equipment
from cryoasync.sources.pubchem.endpoints import property_endpoint
from cryoasync.sources.pubchem.source import PubChemSource
from tests.integration.http.loopback import Loopback, Received, loopback
from tests.unit.control.chunks.sizing import chunk_sizer
from tests.unit.sources.pubchem.builders import EPOCH, entries


async def pubchem(received: Received) -> None:
    """Answer as PubChem does; CID 3 has no readable row."""
    ids = [int(cid) for cid in parse_qs(received.body.decode())["cid"][0].split(",")]
    if "/synonyms/" in received.head:
        content: object = {"InformationList": {"Information": [{"CID": cid} for cid in ids]}}
    else:
        rows = [{"CID": cid, "SMILES": "C" * cid} | ({"Charge": "odd"} if cid == 3 else {}) for cid in ids]
        content = {"PropertyTable": {"Properties": rows}}
    await received.answer(json.dumps(content, indent=2).encode(), **{SIMULATOR_HEADER: "steady"})


class Pool:
    """Keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}

    async def describe(
        self, structures: Sequence[tuple[str, Structure]]
    ) -> list[tuple[str, Descriptors | Rejected]]:
        """Reject everything."""
        self.asked |= {key: structure.text for key, structure in structures}
        return [(key, Rejected(reason="a test")) for key, _ in structures]


class NoRows:
    """A database without compounds."""

    async def pairs(self, query: str, source_ids: Sequence[str]) -> dict[str, Any]:
        """Find nothing."""
        return {}


class Start:
    """One start of a run against a loopback server."""

    def __init__(self, server: Loopback, cache: ResponseCache | None, run: Mapping[str, Any]) -> None:
        clock = asyncio.get_running_loop().time
        self.pool = Pool()
        rng = random.Random(0)
        self.guards = Guards(
            limiter=SharedRateLimiter(server.url, RatePolicy(), [], clock=clock, rng=rng),
            gate=None,
            breaker=SharedCircuitBreaker(policy=CircuitPolicy(), clock=clock, rng=rng),
            errors=PredictiveErrorHandler(local_time=lambda: EPOCH, clock=clock, rng=rng),
            reach=Reach(server.url, 60.0, spoke_before=False, clock=clock),
            sizer=chunk_sizer(),
            times=AnswerTimes(),
            traffic=Traffic(),
        )
        self.equipment = Equipment(
            run_id=1,
            base_url=f"{server.url}/rest/pug",
            guards=self.guards,
            cache=cache,
            cache_origin="simulator",
            pool=self.pool,
            lookup=NoRows(),
            clock=clock,
            wall_clock=lambda: datetime.now(UTC) + timedelta(minutes=1),
        )
        self._source = PubChemSource(Settings.model_validate({"contact": "jo@lab.example", "run": run}))

    async def process(self, count: int) -> ChunkResult:
        """Process one chunk."""
        chunk = Chunk(number=0, entries=tuple(entries(count)), span=Span(start=101, stop=101 + count))
        async with self._source.processor(self.equipment) as processor:
            return await processor.process(chunk, lambda _: None)


@asynccontextmanager
async def cached(path: Path) -> AsyncIterator[ResponseCache]:
    """Open the cache."""
    problems: list[CacheProblem] = []
    async with ResponseCache.open(path / "cache", max_bytes=10**7, warn=problems.append) as cache:
        yield cache
    assert problems == []


async def test_a_chunk_is_fetched_under_the_users_contact() -> None:
    """Two requests below the base URL of the site, and it is known for a simulator."""
    async with loopback(pubchem) as server:
        start = Start(server, None, {"properties": ["Volume3D"]})
        result = await start.process(2)
    paths = [request.head.split()[1] for request in server.requests]
    assert [path.startswith("/rest/pug/compound/cid/") for path in paths] == [True, True]
    assert paths[0].endswith(",Volume3D/JSON")
    assert all("(jo@lab.example)" in request.head for request in server.requests)
    assert [entry.state for entry in result.entries] == [EntryState.IMPORTED] * 2
    assert start.guards.reach.is_simulator is True
    assert start.guards.traffic.requests == 2


async def test_answers_are_taken_from_the_cache_unless_a_refresh_is_asked_for(tmp_path: Path) -> None:
    """The second start takes no request; --refresh takes them all."""
    async with loopback(pubchem) as server, cached(tmp_path) as cache:
        await Start(server, cache, {"synonyms": False}).process(2)
        again = Start(server, cache, {"synonyms": False})
        result = await again.process(2)
        assert len(server.requests) == 1
        assert [entry.state for entry in result.entries] == [EntryState.IMPORTED] * 2
        assert again.guards.reach.is_simulator is None
        await Start(server, cache, {"synonyms": False, "refresh": True}).process(2)
        assert len(server.requests) == 2


async def test_an_older_answer_gives_the_structure_where_none_can_be_fetched(tmp_path: Path) -> None:
    """However old it is: better descriptors of an old structure than none."""
    async with loopback(pubchem) as server, cached(tmp_path) as cache:
        older = {"3": b'{"CID": 3, "SMILES": "CCO"}'}
        await cache.put_many("simulator", property_endpoint(()).cache_key, older, fetched_at=0.0)
        start = Start(server, cache, {"synonyms": False})
        result = await start.process(3)
    assert [entry.state for entry in result.entries] == [
        EntryState.IMPORTED,
        EntryState.IMPORTED,
        EntryState.FAILED,
    ]
    assert start.pool.asked["3"] == "CCO"
