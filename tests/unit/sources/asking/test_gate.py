"""A client that finds out how many requests its source bears at a time."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from cryoasync.control.concurrency.concurrency_limiter import ConcurrencyLimiter
from cryoasync.models import Activity
from tests.unit.sources.pubchem.builders import (
    BROKEN,
    SILENT,
    Behaviour,
    Bench,
    Reply,
    Request,
    entries,
    fault,
    on_virtual_time,
    page,
    whole,
)

WORKERS = 12


def first_only(reply: Reply, count: int = 1) -> Behaviour:
    """Answer the first requests in a row with ``reply``, and all others well."""
    return lambda request: reply if request.number < count else whole(request)


async def fetch_chunks(bench: Bench, chunks: int) -> None:
    """Ask for so many chunks of ten, with twelve workers."""
    waiting = [entries(10, first=1 + 10 * number) for number in range(chunks)]

    async def work() -> None:
        while waiting:
            await bench.fetch(waiting.pop())

    async with asyncio.TaskGroup() as tasks:
        for _ in range(WORKERS):
            tasks.create_task(work())


def most_at_a_time(requests: Sequence[Request], seconds: float) -> int:
    return max(sum(abs(one.at - other.at) < seconds / 2 for other in requests) for one in requests)


def state_after(behaviour: Behaviour, chunks: int = 30) -> tuple[Bench, int, int]:
    """Return the limit and the events that made it smaller."""
    limiter = ConcurrencyLimiter(maximum=16)

    async def main() -> Bench:
        bench = Bench(behaviour, limit=limiter)
        await fetch_chunks(bench, chunks)
        return bench

    bench = on_virtual_time(main)
    state = limiter.state(0.0)
    assert state.under_way == 0, "every place was given back"
    return bench, state.limit, state.refused


def test_few_requests_are_under_way_until_more_are_known_to_be_borne() -> None:
    bench, limit, _ = state_after(whole, chunks=12)
    assert most_at_a_time(bench.requests, 0.2) == 5, "four, and one on trial"
    assert Activity.WAITING_FOR_PERMIT in bench.activities
    _, limit, _ = state_after(whole, chunks=2000)
    assert limit > 8, "a source that does not slow down gets more"


def test_refusals_make_the_number_smaller() -> None:
    _, limit, events = state_after(first_only(page(429), 4))
    assert (limit, events) == (2, 1)


@pytest.mark.parametrize("reply", [page(502), BROKEN, fault(404, "NotFound"), fault(400, "BadRequest")])
def test_other_trouble_does_not(reply: Reply) -> None:
    _, limit, events = state_after(first_only(reply, 4))
    assert (limit, events) == (4, 0)


def test_requests_that_hang_are_given_up_early_once_answers_are_known() -> None:
    """The first one waits for as long as it takes, a later one for a few times the usual."""

    def hang(request: Request) -> Reply:
        return SILENT if request.number == 150 else whole(request)

    limiter = ConcurrencyLimiter()

    async def main() -> float:
        bench = Bench(hang, limit=limiter)
        await fetch_chunks(bench, 200)
        return asyncio.get_running_loop().time()

    assert on_virtual_time(main) < 200 * 0.2 / 4 + 5.0


def test_without_a_limit_all_workers_ask_at_once() -> None:
    async def main() -> Bench:
        bench = Bench()
        await fetch_chunks(bench, 12)
        return bench

    assert most_at_a_time(on_virtual_time(main).requests, 0.2) == WORKERS


def test_a_question_that_takes_long_each_time_is_waited_for_the_second_time() -> None:
    """It would never be answered otherwise."""
    silences: list[float] = []

    def behaviour(request: Request) -> Reply:
        if "7" in request.ids and len(silences) < 2:
            silences.append(request.at)
            return SILENT
        return whole(request)

    async def main() -> Bench:
        bench = Bench(behaviour, limit=ConcurrencyLimiter())
        await fetch_chunks(bench, 200)
        return bench

    bench = on_virtual_time(main)
    again = [request.at for request in bench.requests if "7" in request.ids]
    waits = [later - earlier for earlier, later in pairwise(again)]
    assert waits[0] < 10.0
    assert waits[1] > 30.0
