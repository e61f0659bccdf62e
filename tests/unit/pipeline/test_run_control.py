"""A run that is paused, resumed and slowed down while it is at work."""

import asyncio
import random

import pytest

from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy
from cryoasync.models import Activity, RunOrders
from cryoasync.pipeline.run_control import RunControl
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker_pool import WorkerPool
from tests.unit.pipeline.fakes import Processor, breaker
from tests.unit.pipeline.test_worker_pool import filled
from tests.unit.virtual_time import now, on_virtual_time

PAUSED = RunOrders(paused=True)
POLICY = RatePolicy(counts=(CountWindow(limit=5, seconds=1.0),))


class Run:
    """Four workers on twenty chunks of a second each."""

    def __init__(self) -> None:
        self.processor = Processor()
        self.pool = WorkerPool(self.processor, breaker(), num_workers=4, max_queue_size=100, clock=now)
        self.control = RunControl(self.pool, None)
        self.stop = StopRequest()
        self.results: list[int] = []

    async def work(self) -> None:
        chunks = await filled(20)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pool.run(chunks, self.stop, grace_seconds=5.0))
            async for result in self.pool.results:
                self.results.append(result.chunk.number)


@on_virtual_time
async def test_a_pause_drains_holds_and_loses_nothing() -> None:
    run = Run()
    working = asyncio.create_task(run.work())
    await asyncio.sleep(1.5)
    assert run.control.follow(PAUSED)
    assert not run.control.to_json()["drained"], "four chunks are in hand"
    await asyncio.sleep(3600.0)
    assert run.control.to_json() == {
        **PAUSED.to_json(),
        "drained": True,
        "can_set_rate": False,
        "can_reset_breaker": False,
    }
    assert {status.activity for status in run.pool.status()} == {Activity.PAUSED}
    assert sorted(run.results) == list(range(1, 9))
    assert not run.control.follow(PAUSED), "to say it again changes nothing"
    assert run.control.follow(RunOrders())
    await working
    assert sorted(run.results) == sorted(run.processor.begun) == list(range(1, 21))


@on_virtual_time
async def test_a_stop_ends_a_paused_run_at_once() -> None:
    run = Run()
    working = asyncio.create_task(run.work())
    await asyncio.sleep(1.5)
    run.control.follow(PAUSED)
    await asyncio.sleep(60.0)
    run.stop.by_error(None)  # type: ignore[arg-type]  # any reason will do
    await working
    assert now() == pytest.approx(61.5)
    assert len(run.results) == 8


@on_virtual_time
async def test_a_rate_is_a_ceiling_of_the_limiter() -> None:
    limiter = SharedRateLimiter("http://a:80", POLICY, [], clock=now, rng=random.Random(0))
    control = RunControl(Run().pool, limiter)
    control.follow(RunOrders(max_rate=0.5))
    assert limiter.get_stats().ceiling == 0.5
    control.follow(RunOrders(max_rate=0.5, paused=True))
    assert limiter.get_stats().ceiling == 0.5
    control.follow(RunOrders())
    assert limiter.get_stats().ceiling is None


@on_virtual_time
async def test_circuits_are_closed_by_hand_once_for_each_order() -> None:
    run = Run()
    circuits = SharedCircuitBreaker(policy=CircuitPolicy(), clock=now, rng=random.Random(1))
    control = RunControl(run.pool, None, circuits)
    circuits.isolate("a test")
    assert control.follow(RunOrders(breaker_resets=1))
    assert not circuits.is_open("property")
    circuits.isolate("a test")
    assert control.follow(RunOrders(breaker_resets=1, paused=True)), "another order"
    assert circuits.is_open("property")
