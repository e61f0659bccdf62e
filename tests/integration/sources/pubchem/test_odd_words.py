"""What PubChem may say that a database cannot keep."""

import asyncio

from cryoasync.database.connection import Database
from cryoasync.models import Batch, Chunk, ChunkResult, Entry, RunCounts, Span
from cryoasync.sources.asking.answer_cache import CachedClient
from cryoasync.sources.pubchem.processor import ImportOptions, PubChemProcessor
from tests.conftest import Fetch
from tests.integration.database.builders import started_run, store_of
from tests.unit.sources.pubchem.builders import (
    EPOCH,
    HOST,
    Bench,
    Reply,
    Request,
    fault,
    on_virtual_time,
    table,
    written,
)
from tests.unit.sources.pubchem.test_processor import Lookup


def odd(request: Request) -> Reply:
    """Say something with a NUL in it, wherever words can be said."""
    if request.number == 0:
        return Reply(status=503, body=b"\x00\xff\xfe binary \x00")
    if "2" in request.ids:
        return fault(400, "BadRequest", "no \x00 such \x00 thing")
    if "3" in request.ids:
        return fault(404, "NotFound", "\x00")
    if "4" in request.ids:
        return written({"PropertyTable": {"Properties": [{"CID": 4, "Charge": "\x00"}]}})
    return table(request.ids, InChI="\x00" if "1" in request.ids else "InChI=1S/CH4/h1H4")


async def process(chunk: Chunk) -> ChunkResult:
    """Process one chunk on virtual time."""
    bench = Bench(odd, spoke_before=True)
    processor = PubChemProcessor(
        CachedClient(bench.client, None, origin=HOST, max_age_seconds=0.0, wall_clock=lambda: EPOCH),
        None,
        Lookup(),
        ImportOptions(run_id=1, synonyms=False, properties=(), compute_all=False),
        wall_clock=lambda: EPOCH,
    )
    return await processor.process(chunk, bench.activities.append)


async def test_no_word_of_a_server_stops_a_commit(database: Database, fetch: Fetch) -> None:
    """Each compound is accounted for, and each request is kept, NUL characters or not."""
    run = await started_run(database, 5)
    chunk = Chunk(
        number=1,
        entries=tuple(Entry(position=position, source_id=str(position + 1)) for position in range(5)),
        span=Span(start=0, stop=5),
    )
    result = await asyncio.to_thread(lambda: on_virtual_time(lambda: process(chunk)))
    report = await store_of(database, run).commit(Batch(results=[result]))
    assert report.counts == RunCounts(imported=1, not_found=1, failed=3)
    kinds = await fetch("SELECT source_id, kind FROM cryoasync.failures ORDER BY 1")
    assert kinds == [("1", "rejected_by_database"), ("2", "poison"), ("4", "decode")]
    (kept,) = await fetch("SELECT count(*) FROM cryoasync.requests")
    assert kept == (len(result.attempts),)
