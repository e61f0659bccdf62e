"""Measures what limiter, breaker, handler, sizer and gate cost a request: ``python -m benchmarks.bench_guards``."""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime

from multidict import CIMultiDict

from benchmarks.laboratory.clients import PUBCHEM, pubchem_rate
from cryoasync.control.chunks.chunk_choice import Budget
from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.concurrency.concurrency_gate import ConcurrencyGate
from cryoasync.control.concurrency.concurrency_limiter import ConcurrencyLimiter
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_in_force import AdaptiveRate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_handler import Attempted, PredictiveErrorHandler
from cryoasync.control.troubles.isolation import Isolation
from cryoasync.control.troubles.retry import BatchHistory
from cryoasync.simulator.policy import throttling_text
from cryoasync.testing import VirtualTimeLoop

ENDPOINT = "property"
WAITERS = 10_000
FULL_MINUTE = 400
"""Permits after which the log is as long as it gets."""

BESIDE = {
    "Date": "Wed, 25 Nov 2026 12:00:00 GMT",
    "Content-Type": "application/json",
    "Content-Encoding": "gzip",
    "Transfer-Encoding": "chunked",
    "Connection": "keep-alive",
    "Cache-Control": "private",
    "Expires": "Wed, 25 Nov 2026 20:00:00 GMT",
    "Access-Control-Allow-Origin": "*",
}
"""What else comes with an answer."""


def _walk(rng: random.Random, count: int) -> Iterator[CIMultiDict[str]]:
    """Yield the headers of answers whose percentages move as they do at the source: slowly, but for the last."""
    requests, running = 72, 20
    for _ in range(count):
        requests = min(76, max(68, requests + rng.choice([-1, 0, 0, 1])))
        running = min(26, max(14, running + rng.choice([-1, 0, 0, 1])))
        said = throttling_text(requests, running, 4 * rng.randint(0, 8))
        yield CIMultiDict(BESIDE, **{"X-Throttling-Control": said})


CLOCK_READINGS = 18
"""How often a permit and its answer have the clock read, which costs something on virtual time alone."""

IDS = [str(number) for number in range(1, 201)]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _handler() -> PredictiveErrorHandler:
    return PredictiveErrorHandler(local_time=lambda: NOON, clock=time.monotonic, rng=random.Random(1))


async def _breaker(count: int) -> None:
    """Let requests through a closed circuit, as the client does."""
    breaker = SharedCircuitBreaker(policy=CircuitPolicy(), clock=time.monotonic, rng=random.Random(1))
    for _ in range(count):
        given = await breaker.wait(ENDPOINT)
        breaker.begin(given, expected_seconds=1.0)
        breaker.record_success(given)


async def _passing(count: int) -> None:
    """Hear of requests that pass, before anybody ever failed."""
    handler = _handler()
    for number in range(count):
        handler.sent(number / 5, retry=False)
        handler.passed(ENDPOINT, BatchHistory(200), number / 5)
        handler.learn_passed(ENDPOINT, IDS)


async def _learning(count: int) -> None:
    """Hear of requests that pass, while two kinds of failure are learned from."""
    handler = _handler()
    for category in (ErrorCategory.REJECTED, ErrorCategory.OVERLOADED):
        handler.learn_blamed(ENDPOINT, "7", category, IDS)
    for number in range(count):
        handler.sent(number / 5, retry=False)
        handler.passed(ENDPOINT, BatchHistory(200), number / 5)
        handler.learn_passed(ENDPOINT, IDS)


async def _failing(count: int) -> None:
    """Decide about requests that fail."""
    handler = _handler()
    attempted = Attempted(endpoint=ENDPOINT, ids=200, status=503, sent_at=0.0)
    for number in range(count):
        handler.sent(number / 5, retry=True)
        category = handler.categorize_error(ErrorCategory.OVERLOADED, attempted, 1.0)
        handler.handle_error(category, attempted, BatchHistory(200))


async def _dividing(count: int) -> None:
    """Divide batches of 200 by forecasts."""
    handler = _handler()
    handler.learn_blamed(ENDPOINT, "7", ErrorCategory.REJECTED, IDS)
    isolation = Isolation[str](lambda bad: handler.predict_errors(ENDPOINT, bad)[ErrorCategory.REJECTED])
    for _ in range(count):
        isolation.divide(IDS)


async def _sizing(count: int) -> None:
    """Choose a size for two endpoints, and learn from an answer of each; two requests count as one here."""
    budget = Budget(requests_per_second=5.0, running_seconds_per_second=5.0, longest_seconds=25.0)
    sizer = AdaptiveChunkSizer(5, 200, budget=lambda: budget, rng=random.Random(1))
    for number in range(count):
        size = sizer.get_next_chunk_size(NOON.time(), NOON.weekday())
        for endpoint in (ENDPOINT, "synonyms"):
            failed = number % 20 == 0
            error = ErrorCategory.TOO_BIG if failed else None
            sizer.record_result(size, 0.0 if failed else 1.0, 0.1 + 0.004 * size, error, endpoint)


async def _through_a_gate(count: int) -> None:
    """Wait for a place under way behind ten thousand others."""
    loop = asyncio.get_running_loop()
    gate = ConcurrencyGate(ConcurrencyLimiter(), clock=loop.time)

    async def ask() -> None:
        async with gate.place(200) as place:
            place.answered(0.4)

    for _ in range(count // WAITERS):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WAITERS):
                tasks.create_task(ask())


async def _through_the_limiter(count: int, waiters: int) -> float:
    """Take permits under PubChem's policy, a minute of it on the books, with headers to read; return the µs of each."""
    clock = asyncio.get_running_loop().time
    rate = AdaptiveRate(limiter=pubchem_rate(), local_time=lambda: NOON)
    limiter = SharedRateLimiter("laboratory", PUBCHEM, [], rate=rate, clock=clock, rng=random.Random(1))
    headers = iter(list(_walk(random.Random(1), FULL_MINUTE + count)))
    waiting = [asyncio.create_task(limiter.wait(ENDPOINT)) for _ in range(waiters)]
    granting = asyncio.create_task(limiter.run())

    async def ask(times: int) -> None:
        for _ in range(times):
            permit = await limiter.wait(ENDPOINT, Priority.RESUME)
            limiter.adjust_rate(next(headers), permit, NOON)
            limiter.settle(permit, 0.5)
            limiter.accepted(permit, clock())

    await ask(FULL_MINUTE)
    started = time.process_time()
    await ask(count)
    spent = time.process_time() - started
    for task in (*waiting, granting):
        task.cancel()
    await asyncio.gather(*waiting, granting, return_exceptions=True)
    return 1e6 * spent / count


async def _waiting(count: int) -> float:
    """Wait, and read the clock, as often as for permits, with nobody to grant them; return the µs of each."""
    clock = asyncio.get_running_loop().time
    started = time.process_time()
    for _ in range(count):
        await asyncio.sleep(0.2)
        for _ in range(CLOCK_READINGS):
            clock()
    return 1e6 * (time.process_time() - started) / count


def _on_virtual_time(work: Callable[[], Coroutine[None, None, float]], rounds: int) -> list[float]:
    def once() -> float:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(work())

    return [once() for _ in range(rounds)]


def _microseconds(work: Callable[[int], Coroutine[None, None, None]], count: int, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        asyncio.run(work(count))
        times.append(1e6 * (time.process_time() - started) / count)
    return times


def _row(what: str, times: Sequence[float]) -> str:
    return f"| {what} | {statistics.median(times):.1f} | {min(times):.1f} |"


def main() -> None:
    """Print microseconds of processor time a request."""
    parser = argparse.ArgumentParser(prog="bench_guards", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    permit = _on_virtual_time(lambda: _through_the_limiter(2_000, 8), rounds)
    crowded = _on_virtual_time(lambda: _through_the_limiter(2_000, WAITERS), rounds)
    wait = _on_virtual_time(lambda: _waiting(2_000), rounds)
    circuit = _microseconds(_breaker, 20_000, rounds)
    learning = _microseconds(_learning, 5_000, rounds)
    sizing = _microseconds(_sizing, 5_000, rounds)
    print("| a request | median µs | least µs |\n|---|---|---|")
    print(_row("a permit, its answer, and its headers", permit))
    print(_row("the same before 10,000 who wait", crowded))
    print(_row("of that, the loop on virtual time: a wait, and the readings of its clock", wait))
    print(_row("through a closed circuit", circuit))
    print(_row("passes, two kinds of failure learned", learning))
    print(_row("a chunk of two: its size chosen, both answers learned from", sizing))
    together = [
        sum(each) for each in zip(crowded, circuit, learning, (chunk / 2 for chunk in sizing), strict=True)
    ]
    print(_row("**one of two requests of a chunk, before 10,000 who wait: all of that**", together))
    print(_row("**the same without the loop**", [a - b for a, b in zip(together, wait, strict=True)]))
    print(_row("passes, nobody failed yet", _microseconds(_passing, 20_000, rounds)))
    print(_row("fails, and is decided about", _microseconds(_failing, 20_000, rounds)))
    print(_row("waits behind 10,000 for a place under way", _microseconds(_through_a_gate, WAITERS, rounds)))
    print(_row("200 ids divided by forecasts", _microseconds(_dividing, 200, rounds)))


if __name__ == "__main__":
    main()
