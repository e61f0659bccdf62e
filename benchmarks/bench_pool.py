"""How long connections are waited for: a pool that sizes itself, beside pools of each fixed size.

The same load goes through each pool, one after the other in each round: waves of users, between pauses, each of
whom holds a connection for the time of a short query, with status readers among the commits. The pools live
through the whole of it; what each user waited is kept.

Run: ``python -m benchmarks.bench_pool --waves 20 --rounds 3``.
"""

import argparse
import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from statistics import median
from typing import Any

import asyncpg

from benchmarks.postgres import postgres_at
from benchmarks.report import print_report, say
from cryoasync.database.pool.connection_pool import IntelligentConnectionPool
from cryoasync.database.pool.member import PooledConnection, PoolLimits
from cryoasync.database.pool.queue import Priority

FIXED_SIZES = (2, 3, 4, 6, 8, 10)
_QUERY = "SELECT pg_sleep($1)"
_QUERY_SECONDS = 0.004
_USERS_IN_A_WAVE = (10, 150)
_ARRIVALS_SECONDS = 0.05
_PAUSE_SECONDS = 0.2

Borrow = Callable[[Priority], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def sized_by_itself(dsn: str) -> AsyncIterator[Borrow]:
    """Ours, between the bounds that are the default."""

    async def connect() -> PooledConnection:
        return await asyncpg.connect(dsn)

    async with IntelligentConnectionPool(connect, PoolLimits(minimum=2, maximum=10)) as pool:
        yield lambda priority: pool.get_connection(priority, keeps_session=True)
        stats = pool.get_stats()
        say(f"    {stats.history.opened} connections opened, {stats.size} at the end")


@asynccontextmanager
async def of_fixed_size(dsn: str, size: int) -> AsyncIterator[Borrow]:
    """Ours again, with a size from the start, so that nothing differs but the sizing."""

    async def connect() -> PooledConnection:
        return await asyncpg.connect(dsn)

    async with IntelligentConnectionPool(connect, PoolLimits(minimum=size, maximum=size)) as pool:
        while pool.get_stats().size < size:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)
        yield lambda priority: pool.get_connection(priority, keeps_session=True)


@asynccontextmanager
async def asyncpgs(dsn: str, size: int) -> AsyncIterator[Borrow]:
    """The pool of asyncpg, which knows no priorities and undoes the session after each use."""
    async with asyncpg.create_pool(dsn, min_size=size, max_size=size) as pool:
        yield lambda _: pool.acquire()


async def waits_through(borrow: Borrow, waves: int, seed: int) -> dict[str, list[float]]:
    """Return how long each user waited, commits and status readers apart."""
    rng = random.Random(seed)
    waits: dict[str, list[float]] = defaultdict(list)

    async def use(after: float, priority: Priority, seconds: float) -> None:
        await asyncio.sleep(after)
        asked_at = time.perf_counter()
        async with borrow(priority) as connection:
            waits[priority.name.lower()].append(time.perf_counter() - asked_at)
            await connection.execute(_QUERY.replace("$1", f"{seconds:.6f}"))

    for _ in range(waves):
        users = rng.randint(*_USERS_IN_A_WAVE)
        async with asyncio.TaskGroup() as group:
            for _ in range(users):
                priority = Priority.STATUS if rng.random() < 0.5 else Priority.COMMIT
                group.create_task(
                    use(rng.uniform(0, _ARRIVALS_SECONDS), priority, rng.expovariate(1 / _QUERY_SECONDS))
                )
        await asyncio.sleep(_PAUSE_SECONDS)
    return waits


def summary(waits: dict[str, list[float]]) -> dict[str, float]:
    """Return percentiles in milliseconds, over all users and over the commits."""
    everybody = sorted(wait for each in waits.values() for wait in each)
    commits = sorted(waits["commit"])
    return {
        "p50_ms": 1000 * everybody[len(everybody) // 2],
        "p99_ms": 1000 * everybody[int(0.99 * len(everybody))],
        "commit_p99_ms": 1000 * commits[int(0.99 * len(commits))],
    }


async def measure(dsn: str | None, waves: int, rounds: int) -> dict[str, dict[str, float]]:
    """Put each pool through the load in each round, and return the medians over the rounds."""
    taken: dict[str, list[dict[str, float]]] = defaultdict(list)
    async with postgres_at(dsn) as postgres:
        pools: dict[str, Callable[[], AbstractAsyncContextManager[Borrow]]] = {
            "by itself, 2 to 10": partial(sized_by_itself, postgres.dsn)
        }
        for size in FIXED_SIZES:
            pools[f"fixed, {size}"] = partial(of_fixed_size, postgres.dsn, size)
        pools["asyncpg's, 10"] = partial(asyncpgs, postgres.dsn, 10)
        for seed in range(rounds):
            # In another order each time, so that what else the machine does meets all of them.
            for name, opened in random.Random(seed).sample(list(pools.items()), len(pools)):
                async with opened() as borrow:
                    taken[name].append(summary(await waits_through(borrow, waves, seed)))
                say(f"  {name}: {taken[name][-1]}")
    return {
        name: {key: round(median(each[key] for each in found), 2) for key in found[0]}
        for name, found in taken.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", help="a server; by default an embedded one")
    parser.add_argument("--waves", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = asyncio.run(measure(arguments.dsn, arguments.waves, arguments.rounds))
    best = min(found["p99_ms"] for name, found in results.items() if name.startswith("fixed"))
    own = results["by itself, 2 to 10"]["p99_ms"]
    print_report(
        "pool",
        {"waves": arguments.waves, "rounds": arguments.rounds},
        {**results, "p99 to the best fixed size": round(own / best, 2)},
    )


if __name__ == "__main__":
    main()
