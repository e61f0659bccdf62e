"""A queue that ends: nothing is lost, nothing comes twice, nobody waits for ever."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.pipeline.channel import Channel, EndOfChannel
from tests.unit.virtual_time import now, on_virtual_time


async def drain(channel: Channel[int]) -> list[int]:
    return [item async for item in channel]


@on_virtual_time
async def test_items_come_in_the_order_sent_and_then_the_end() -> None:
    channel: Channel[int] = Channel(3)
    for item in range(3):
        await channel.send(item)
    assert len(channel) == 3
    channel.close()
    assert await drain(channel) == [0, 1, 2]
    with pytest.raises(EndOfChannel):
        await channel.receive()


@on_virtual_time
async def test_sending_waits_while_the_channel_is_full() -> None:
    channel: Channel[int] = Channel(2)
    sent_at = []

    async def produce() -> None:
        for item in range(4):
            await channel.send(item)
            sent_at.append(now())

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        for _ in range(4):
            await asyncio.sleep(1.0)
            await channel.receive()
    assert sent_at == [0.0, 0.0, 1.0, 2.0]


@on_virtual_time
async def test_closing_ends_every_receiver_that_waits() -> None:
    channel: Channel[int] = Channel(1)
    async with asyncio.TaskGroup() as group:
        drained = [group.create_task(drain(channel)) for _ in range(5)]
        await asyncio.sleep(1.0)
        channel.close()
    assert [task.result() for task in drained] == [[]] * 5


@on_virtual_time
async def test_discarding_lets_a_waiting_sender_go_on() -> None:
    channel: Channel[int] = Channel(1)
    await channel.send(1)
    async with asyncio.timeout(1.0), asyncio.TaskGroup() as group:
        sender = group.create_task(channel.send(2))
        await asyncio.sleep(0.1)
        assert not sender.done()
        channel.discard()
    assert await channel.receive() == 2


@given(
    items=st.integers(0, 60),
    capacity=st.integers(1, 5),
    receivers=st.integers(1, 5),
    seed=st.integers(0, 10_000),
)
@on_virtual_time
async def test_each_item_is_received_once_however_often_receiving_is_cancelled(
    items: int, capacity: int, receivers: int, seed: int
) -> None:
    """Time-outs fall on the same moments as sendings, since both count in tenths of a second."""
    channel: Channel[int] = Channel(capacity)
    rng = random.Random(seed)
    received: list[int] = []

    async def produce() -> None:
        for item in range(items):
            await asyncio.sleep(rng.randrange(3) / 10)
            await channel.send(item)
        channel.close()

    async def receive() -> None:
        while True:
            try:
                async with asyncio.timeout(rng.randrange(4) / 10):
                    received.append(await channel.receive())
            except TimeoutError:
                continue
            except EndOfChannel:
                return

    async with asyncio.timeout(600.0), asyncio.TaskGroup() as group:
        group.create_task(produce())
        for _ in range(receivers):
            group.create_task(receive())
    assert sorted(received) == list(range(items))
