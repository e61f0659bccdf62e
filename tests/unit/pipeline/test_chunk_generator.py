"""How what is pending is cut: without a gap, without an overlap, and all of it."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.errors import DatabaseUnavailableError
from cryoasync.models import Chunk, EntryState
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.chunk_generator import ChunkGenerator
from cryoasync.pipeline.shutdown import StopRequest
from tests.unit.pipeline.fakes import FixedSize, MemoryRun, entry, patience
from tests.unit.virtual_time import now, on_virtual_time

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


async def cut(run: MemoryRun, *sizes: int) -> list[Chunk]:
    return [chunk async for chunk in ChunkGenerator(run, FixedSize(*sizes), patience()).chunks()]


@given(
    size=st.integers(0, 60),
    page=st.integers(1, 15),
    invalid=st.sets(st.integers(0, 59)),
    covered=st.sets(st.integers(0, 59)),
    sizes=SIZES,
)
@on_virtual_time
async def test_spans_cover_every_pending_position_in_order_and_once(
    size: int, page: int, invalid: set[int], covered: set[int], sizes: list[int]
) -> None:
    run = MemoryRun(size, page=page, invalid=invalid)
    run.covered = covered & set(range(size))
    chunks = await cut(run, *sizes)
    spans = [chunk.span for chunk in chunks]
    assert [p for span in spans if span for p in range(span.start, span.stop)] == run.uncovered
    assert [chunk.number for chunk in chunks] == list(range(1, len(chunks) + 1))
    for chunk in chunks:
        assert chunk.span is not None
        assert len(chunk.entries) <= max(sizes)
        positions = range(chunk.span.start, chunk.span.stop)
        assert list(chunk.entries) == [entry(p) for p in positions if p not in invalid]


@on_virtual_time
async def test_spans_follow_one_another_without_gaps() -> None:
    """Positions that need no work belong to the chunk before them, so that the checkpoint stays one range."""
    chunks = await cut(MemoryRun(25, page=10, invalid={0, 4, 5, 9, 10, 24}), 3)
    spans = [chunk.span for chunk in chunks if chunk.span]
    assert all(earlier.stop == later.start for earlier, later in pairwise(spans))
    assert (spans[0].start, spans[-1].stop) == (0, 25)


@on_virtual_time
async def test_a_page_without_work_is_settled_by_an_empty_chunk() -> None:
    [chunk] = await cut(MemoryRun(5, invalid=range(5)), 3)
    assert chunk.span is not None
    assert (chunk.entries, chunk.span.start, chunk.span.stop) == ((), 0, 5)


@given(states=st.lists(st.sampled_from([EntryState.FAILED, EntryState.IMPORTED]), max_size=40), sizes=SIZES)
@on_virtual_time
async def test_what_failed_before_comes_once_more_after_all_that_is_pending(
    states: list[EntryState], sizes: list[int]
) -> None:
    run = MemoryRun(len(states) + 8, page=7)
    run.states[: len(states)] = states
    run.covered = set(range(len(states)))
    run.start_again()
    chunks = await cut(run, *sizes)
    again = [chunk.span is None for chunk in chunks]
    assert again == sorted(again)
    failed = [p for p, state in enumerate(states) if state is EntryState.FAILED]
    assert [each.position for chunk in chunks if chunk.span is None for each in chunk.entries] == failed


@given(
    size=st.integers(0, 40),
    troubles=st.lists(st.sampled_from(["pass", "refuse"]), max_size=12),
)
@on_virtual_time
async def test_a_database_that_comes_and_goes_changes_no_chunk(size: int, troubles: list[str]) -> None:
    run = MemoryRun(size, page=6)
    undisturbed = await cut(run, 4)
    run.troubles = troubles
    assert await cut(run, 4) == undisturbed


@on_virtual_time
async def test_a_database_away_beyond_the_patience_ends_the_chunks() -> None:
    run = MemoryRun(10)
    run.troubles = ["refuse"] * 1000
    with pytest.raises(DatabaseUnavailableError):
        await ChunkGenerator(run, FixedSize(1), patience(60.0)).feed(Channel(1), StopRequest())
    assert 60.0 < now() < 90.0


@on_virtual_time
async def test_feeding_ends_at_a_stop_and_closes_the_channel() -> None:
    run, stop = MemoryRun(50), StopRequest()
    channel: Channel[Chunk] = Channel(2)
    received = []
    async with asyncio.TaskGroup() as group:
        group.create_task(ChunkGenerator(run, FixedSize(1), patience()).feed(channel, stop))
        async for chunk in channel:
            received.append(chunk.number)
            if chunk.number == 5:
                stop.by_error(DatabaseUnavailableError("away"))
    assert received[:5] == [1, 2, 3, 4, 5]
    assert len(received) <= 8, "the queue, and the one that waited for room"


@on_virtual_time
async def test_everything_is_fed_and_then_the_channel_is_closed() -> None:
    channel: Channel[Chunk] = Channel(2)
    async with asyncio.TaskGroup() as group:
        group.create_task(
            ChunkGenerator(MemoryRun(23), FixedSize(4), patience()).feed(channel, StopRequest())
        )
        fed = [position async for chunk in channel for position in chunk.entries]
    assert fed == [entry(position) for position in range(23)]
