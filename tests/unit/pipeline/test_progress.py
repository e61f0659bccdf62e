"""How far a run is, as numbers."""

import asyncio
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy
from cryoasync.control.rate.throttle import Refusal
from cryoasync.control.traffic import Traffic
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.models import Activity, Batch, EntryState, RunCounts
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.progress import Progress
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker_pool import WorkerPool
from tests.unit.pipeline.fakes import MemoryRun, Processor, breaker, chunk, patience, result
from tests.unit.pipeline.test_worker_pool import filled
from tests.unit.virtual_time import on_virtual_time

POLICY = RatePolicy(counts=(CountWindow(limit=5, seconds=1.0),))
IMPORTED, FAILED = EntryState.IMPORTED, EntryState.FAILED


class Desk:
    """A run, and the progress that is measured of it."""

    def __init__(self, run: MemoryRun, policy: RatePolicy | None = POLICY) -> None:
        clock = asyncio.get_running_loop().time
        self.checkpoints = CheckpointManager(run, run.counts, patience=patience(), clock=clock)
        self.pool = WorkerPool(
            Processor(lambda _: 3.0), breaker(), num_workers=2, max_queue_size=9, clock=clock
        )
        self.limiter = SharedRateLimiter("host", POLICY, [], clock=clock, rng=random.Random(1))
        self.traffic = Traffic()
        limiter = None if policy is None else self.limiter
        self.progress = Progress(self.checkpoints, self.pool, limiter, policy, self.traffic, clock=clock)

    async def settle(
        self, start: int, stop: int, state: EntryState = IMPORTED, *, again: bool = False
    ) -> None:
        """Commit so many entries; ``again`` such that failed in an earlier start."""
        whole = chunk(1, start, stop)
        if again:
            whole = type(whole)(number=1, entries=whole.entries, span=None)
        await self.checkpoints.commit(Batch(results=[result(whole, state)]))


@on_virtual_time
async def test_the_time_left_is_told_from_the_pace_of_this_start() -> None:
    """What earlier starts did is neither work nor pace of this one."""
    run = MemoryRun(100)
    run.states[:40], run.covered = [IMPORTED] * 40, set(range(40))
    desk = Desk(run)
    assert desk.progress.snapshot().eta_seconds is None
    await asyncio.sleep(10.0)
    await desk.settle(40, 50)
    snapshot = desk.progress.snapshot()
    assert (snapshot.settled_in_start, snapshot.elapsed_seconds) == (10, 10.0)
    assert snapshot.eta_seconds == pytest.approx(50.0)
    assert snapshot.counts == RunCounts(imported=50, pending=50)


@on_virtual_time
async def test_failures_that_recover_are_settled_too() -> None:
    run = MemoryRun(10)
    run.states[:] = [FAILED] * 10
    run.covered = set(range(10))
    run.start_again()
    desk = Desk(run)
    await asyncio.sleep(1.0)
    await desk.settle(0, 4, again=True)
    await desk.settle(4, 10, FAILED, again=True)
    snapshot = desk.progress.snapshot()
    assert (snapshot.settled_in_start, snapshot.eta_seconds) == (4, 0.0)


@on_virtual_time
async def test_the_request_rate_begins_with_the_first_request() -> None:
    desk = Desk(MemoryRun(10))
    assert desk.progress.snapshot().request_rate == 0.0
    await asyncio.sleep(60.0)
    desk.traffic.sent(60.0, retry=False)
    assert desk.progress.snapshot().request_rate == 0.0, "no time has passed that it could be a rate in"
    await asyncio.sleep(2.0)
    for _ in range(7):
        desk.traffic.sent(62.0, retry=True)
    snapshot = desk.progress.snapshot()
    assert (snapshot.requests, snapshot.request_rate, snapshot.policy_rate) == (8, 4.0, 5.0)


@on_virtual_time
async def test_throttles_and_errors_are_told() -> None:
    desk = Desk(MemoryRun(10))
    for category in (ErrorCategory.THROTTLED, ErrorCategory.BLOCKED, ErrorCategory.GARBLED):
        desk.traffic.met(category)
    desk.limiter.throttled(None, Refusal(sent_at=0.0, retry_after_seconds=100.0, blocked=False))
    await asyncio.sleep(40.0)
    snapshot = desk.progress.snapshot()
    assert (snapshot.throttled, snapshot.errors) == (2, 3)
    assert 60.0 <= snapshot.held_seconds <= 61.0


@on_virtual_time
async def test_time_shares_add_up_to_the_whole_from_the_first_moment() -> None:
    """One worker fetches, the other finds nothing to do."""
    desk = Desk(MemoryRun(10))
    assert desk.progress.snapshot().time_shares == {}
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.pool.run(await filled(1), StopRequest(), grace_seconds=0.0))
        await asyncio.sleep(2.0)
        assert desk.progress.snapshot().time_shares == {Activity.FETCHING: 0.5, Activity.IDLE: 0.5}


@pytest.mark.parametrize("policy", [POLICY, RatePolicy(), None], ids=["limited", "unlimited", "no source"])
@on_virtual_time
async def test_the_live_state_is_json(policy: RatePolicy | None) -> None:
    """Without a limit, or a source, there is no rate to name."""
    desk = Desk(MemoryRun(10), policy)
    await asyncio.sleep(1.0)
    told = json.loads(json.dumps(desk.progress.live_state(), allow_nan=False))
    assert told["policy_rate"] == (5.0 if policy is POLICY else None)
    assert [worker["activity"] for worker in told["workers"]] == ["idle", "idle"]
    assert ("permits" in told) == (policy is not None)


@given(
    states=st.lists(st.sampled_from([IMPORTED, FAILED, EntryState.NOT_FOUND]), min_size=1, max_size=30),
    pauses=st.lists(st.floats(0.1, 100.0), min_size=30, max_size=30),
)
@on_virtual_time
async def test_at_the_end_everything_is_settled_and_no_time_is_left(
    states: list[EntryState], pauses: list[float]
) -> None:
    """And until then the time left is never negative, and what was settled never shrinks."""
    desk = Desk(MemoryRun(len(states)))
    settled = 0
    for position, state in enumerate(states):
        await asyncio.sleep(pauses[position])
        await desk.settle(position, position + 1, state)
        snapshot = desk.progress.snapshot()
        assert snapshot.settled_in_start > settled
        settled = snapshot.settled_in_start
        assert snapshot.eta_seconds is not None
        assert snapshot.eta_seconds >= 0
    assert (settled, desk.progress.snapshot().eta_seconds) == (len(states), 0.0)
