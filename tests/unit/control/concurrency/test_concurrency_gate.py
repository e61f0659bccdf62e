"""Waiting for a place under way, on virtual time."""

import asyncio

import pytest

from cryoasync.control.concurrency.concurrency_gate import ConcurrencyGate
from cryoasync.control.concurrency.concurrency_limiter import ConcurrencyLimiter
from tests.unit.virtual_time import now, on_virtual_time


def gate(maximum: int = 2) -> ConcurrencyGate:
    return ConcurrencyGate(ConcurrencyLimiter(1, maximum), clock=now)


async def occupy(places: ConcurrencyGate, seconds: float, *, patience_seconds: float = 0.0) -> None:
    async with places.place(10, patience_seconds=patience_seconds) as place:
        await asyncio.sleep(seconds)
        place.answered(seconds)


@on_virtual_time
async def test_no_more_are_under_way_than_may_be() -> None:
    places = gate()
    most = 0

    async def watched() -> None:
        nonlocal most
        async with places.place(10) as place:
            most = max(most, places.state().under_way)
            await asyncio.sleep(1.0)
            place.answered(1.0)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(7):
            tasks.create_task(watched())
    assert most == 2
    assert now() == pytest.approx(4.0)


@on_virtual_time
async def test_what_is_urgent_goes_first() -> None:
    places, order = gate(1), list[str]()

    async def named(name: str, patience_seconds: float) -> None:
        await occupy(places, 1.0, patience_seconds=patience_seconds)
        order.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name, patience_seconds in [("first", 0.0), ("bulk", 60.0), ("urgent", 5.0)]:
            tasks.create_task(named(name, patience_seconds))
    assert order == ["first", "urgent", "bulk"]


@on_virtual_time
async def test_a_place_is_given_back_whatever_happens_to_its_holder() -> None:
    """Cancelled before or after it was granted, or ended by an error: the next one goes."""
    places = gate(1)
    holder = asyncio.create_task(occupy(places, 100.0))
    waiter = asyncio.create_task(occupy(places, 1.0))
    await asyncio.sleep(0.1)
    holder.cancel()
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    with pytest.raises(ValueError, match="broken"):
        async with places.place(10):
            raise ValueError("broken")
    assert places.state().under_way == 0
    await occupy(places, 1.0)
    assert now() == pytest.approx(1.1)


@on_virtual_time
async def test_a_request_that_hangs_does_not_keep_others_waiting() -> None:
    places = gate(1)
    for _ in range(100):
        await occupy(places, 0.5)
    hanging = asyncio.create_task(occupy(places, 1000.0))
    began_at = now()
    await asyncio.sleep(0)
    await occupy(places, 0.5)
    assert now() - began_at < 2.0
    hanging.cancel()
