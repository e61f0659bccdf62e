"""How a run is asked to stop."""

import asyncio
import os
import signal
from signal import SIGHUP, SIGINT, SIGTERM

import pytest

from cryoasync.errors import DatabaseUnavailableError, SourceUnavailableError, StoppedError
from cryoasync.pipeline.shutdown import SIGNALS, StopRequest, ending_by_signals, stopping_by_signals

LONG = 30.0
"""A sleep that a signal ends; no test waits for it."""


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


async def interrupted(stop: StopRequest, *numbers: signal.Signals) -> None:
    """Work for long, and be sent signals, one right after the other."""
    async with stopping_by_signals(stop):
        for number in numbers:
            send(number)
        await asyncio.sleep(LONG)


async def test_the_first_reason_is_kept() -> None:
    stop = StopRequest()
    first = SourceUnavailableError("away")
    stop.by_error(first)
    stop.by_error(DatabaseUnavailableError("too"))
    stop.by_signal(SIGINT)
    assert (stop.error, stop.signal, stop.is_set) == (first, None, True)
    by_signal = StopRequest()
    by_signal.by_signal(SIGTERM)
    by_signal.by_error(first)
    assert (by_signal.error, by_signal.signal) == (None, SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_asks_for_a_stop_and_interrupts_nothing(number: signal.Signals) -> None:
    stop = StopRequest()
    stop.has_work = True
    async with stopping_by_signals(stop):
        send(number)
        await stop.wait()
        await asyncio.sleep(0)
    assert stop.signal is number


async def test_a_signal_that_was_to_be_ignored_asks_for_nothing() -> None:
    """As SIGHUP is under nohup."""
    stop = StopRequest()
    before = signal.signal(SIGHUP, signal.SIG_IGN)
    try:
        async with stopping_by_signals(stop):
            send(SIGHUP)
        with ending_by_signals():
            send(SIGHUP)
        assert signal.getsignal(SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(SIGHUP, before)
    assert not stop.is_set


async def test_the_second_signal_cancels() -> None:
    stop = StopRequest()
    stop.has_work = True
    with pytest.raises(asyncio.CancelledError):
        await interrupted(stop, SIGINT, SIGTERM)
    assert stop.signal is SIGINT


async def test_a_signal_after_an_error_cancels() -> None:
    """The error has begun the draining already."""
    stop = StopRequest()
    stop.has_work = True
    stop.by_error(SourceUnavailableError("away"))
    with pytest.raises(asyncio.CancelledError):
        await interrupted(stop, SIGINT)
    assert stop.signal is None


@pytest.mark.parametrize(("number", "exit_code"), [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)])
async def test_a_signal_before_there_is_work_ends_the_start(number: signal.Signals, exit_code: int) -> None:
    with pytest.raises(StoppedError) as caught:
        await interrupted(StopRequest(), number)
    assert caught.value.exit_code == exit_code
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_two_signals_before_there_is_work_end_the_start_as_one_does() -> None:
    with pytest.raises(StoppedError) as caught:
        await interrupted(StopRequest(), SIGTERM, SIGINT)
    assert caught.value.exit_code in {130, 143}
    async with asyncio.timeout(LONG):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("number", "exit_code"), [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)])
async def test_a_signal_ends_what_blocks_the_loop(number: signal.Signals, exit_code: int) -> None:
    """As waiting for standard input does."""

    async def blocked() -> None:
        async with stopping_by_signals(StopRequest()):
            with ending_by_signals():
                signal.raise_signal(number)
            pytest.fail("the signal came too late")

    with pytest.raises(StoppedError) as caught:
        await blocked()
    assert caught.value.exit_code == exit_code


async def test_a_cancellation_of_another_origin_stays_one() -> None:
    async def work() -> None:
        async with stopping_by_signals(StopRequest()):
            await asyncio.sleep(LONG)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    async with stopping_by_signals(StopRequest()):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    with ending_by_signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
