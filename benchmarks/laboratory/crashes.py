"""S12: a process killed every five minutes, its loop stalled, wall clocks set, the database away twice.

``python -m benchmarks.laboratory.crashes --seeds 20`` prints a line of the laboratory's table. What is played is the
package's limiter with its stores, on virtual time: a killed process takes its permits with it, and the next one
knows of them only what was stored.
"""

import argparse
import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from benchmarks.laboratory.clients import PUBCHEM, pubchem_rate
from benchmarks.laboratory.play import LATENCY_SECONDS, Result
from benchmarks.laboratory.scenarios import CHUNK, Scenario, oracle_rows
from benchmarks.laboratory.score import Score, score, summarize
from benchmarks.laboratory.server import Kind, Server, ServerModel
from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.rate_in_force import AdaptiveRate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import NANOSECONDS
from cryoasync.control.rate.throttle import Refusal
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.testing import MemoryBudget, VirtualTimeLoop

HOST = "https://source:443"
WORKERS = 8
LIFE_SECONDS, RESTART_SECONDS = 300.0, 2.0
STALL_EVERY_SECONDS, STALL_SECONDS = 5.0, 0.2
CLOCK_STEP_EVERY_SECONDS, CLOCK_STEP_SECONDS = 400.0, 3600.0
AWAY = ((900.0, 960.0), (2400.0, 2460.0))

SCENARIO = Scenario(
    claim="killed every 300 s, stalls, clock steps, the database away twice",
    model=ServerModel(),
    regret_percent=4,
    refused_percent=0,
)


class World:
    """What outlives a process: the server, both stores, and the clocks that they tell."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.server = Server(SCENARIO.model, rng)
        self.wall_step = 0.0
        self.rows = self.requests = self.most = 0
        self.sent: list[float] = []
        self.logs: dict[str, bytes | None] = {"file": None, "database": None}
        self.locks = {"file": asyncio.Lock(), "database": asyncio.Lock()}

    def is_away(self, now: float) -> bool:
        """Whether the database is."""
        return any(begin <= now < end for begin, end in AWAY)


class Store:
    """A budget store as one process sees it; once the process is dead nothing of it arrives."""

    def __init__(self, world: World, life: "Life", name: str) -> None:
        self._world, self._life, self._name = world, life, name

    @asynccontextmanager
    async def transaction(self, host: str) -> AsyncIterator[MemoryBudget]:
        """Lock the log, as long as store and process are there."""
        world, name = self._world, self._name
        async with world.locks[name]:
            await asyncio.sleep(0.001 if name == "file" else 0.005)
            step = 0.0
            if name == "database":
                if world.is_away(asyncio.get_running_loop().time()):
                    raise DatabaseUnavailableError
                step = world.wall_step
            budget = MemoryBudget(world.logs[name], round(step * NANOSECONDS))
            yield budget
            if not self._life.is_dead:
                world.logs[name] = budget.log


class Life:
    """One process, from its start to its kill."""

    def __init__(self, world: World) -> None:
        clock = asyncio.get_running_loop().time
        self.is_dead = False
        self._world = world
        self._clock = clock
        self._limiter = SharedRateLimiter(
            HOST,
            PUBCHEM,
            [Store(world, self, "file"), Store(world, self, "database")],
            rate=AdaptiveRate(
                limiter=pubchem_rate(),
                local_time=lambda: datetime(2026, 11, 24, 3, tzinfo=UTC),
            ),
            clock=clock,
            rng=world.rng,
        )

    async def live(self) -> None:
        """Work until killed."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._limiter.run())
            for _ in range(WORKERS):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        world = self._world
        while True:
            permit = await self._limiter.wait("property")
            if self.is_dead:
                return
            sent_at = self._clock()
            world.requests += 1
            world.sent.append(sent_at)
            answer = asyncio.create_task(self._answer())
            kind, retry_after_seconds = await asyncio.shield(answer)
            self._limiter.settle(permit, self._clock() - sent_at - sum(LATENCY_SECONDS) / 2)
            self._learn(permit, sent_at, kind, retry_after_seconds)

    def _learn(self, permit: Permit, sent_at: float, kind: Kind, retry_after_seconds: float | None) -> None:
        if kind is Kind.ROWS:
            self._world.rows += CHUNK
            self._limiter.accepted(permit, sent_at)
        else:
            refusal = Refusal(sent_at=sent_at, retry_after_seconds=retry_after_seconds, blocked=False)
            self._limiter.throttled(permit, refusal)

    async def _answer(self) -> tuple[Kind, float | None]:
        """Let a request arrive and be answered; it does so, whether anybody waits for it or not."""
        rng = self._world.rng
        arrives_at = self._clock() + rng.uniform(*LATENCY_SECONDS)
        await asyncio.sleep(arrives_at - self._clock())
        # A stall is one of this process, not of the way to the source.
        answer = self._world.server.arrive(arrives_at, CHUNK)
        await asyncio.sleep(answer.seconds + rng.uniform(*LATENCY_SECONDS))
        return answer.kind, answer.retry_after_seconds


async def _play(seed: int) -> Result:
    world = World(random.Random(seed))
    loop = asyncio.get_running_loop()
    disturbances = [asyncio.create_task(_stall(loop)), asyncio.create_task(_set_clocks(world))]
    while loop.time() < SCENARIO.seconds:
        life = Life(world)
        living = asyncio.create_task(life.live())
        await asyncio.sleep(min(LIFE_SECONDS - RESTART_SECONDS, SCENARIO.seconds - loop.time()))
        life.is_dead = True
        living.cancel()
        await asyncio.wait([living])
        await asyncio.sleep(RESTART_SECONDS)
    for each in disturbances:
        each.cancel()
    most = max(
        sum(later < at + 1.0 for later in world.sent[index : index + 12])
        for index, at in enumerate(world.sent)
    )
    return Result(
        rows=world.rows,
        requests=world.requests,
        most_sent_in_a_second=most,
        tally=world.server.tally,
        digest=hashlib.blake2b(repr(world.sent).encode(), digest_size=8).hexdigest(),
    )


async def _stall(loop: asyncio.AbstractEventLoop) -> None:
    """Let nothing run for a moment, as a long computation on the loop does."""
    assert isinstance(loop, VirtualTimeLoop)
    while True:
        await asyncio.sleep(STALL_EVERY_SECONDS)
        loop.stall(STALL_SECONDS)


async def _set_clocks(world: World) -> None:
    """Set the database's clock forward and back by an hour."""
    while True:
        await asyncio.sleep(CLOCK_STEP_EVERY_SECONDS)
        world.wall_step += world.rng.choice([-CLOCK_STEP_SECONDS, CLOCK_STEP_SECONDS])


def play_crashes(seed: int) -> Score:
    """Return the score of one hour; the oracle has the database's outages and the restarts, too."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        result = runner.run(_play(seed))
    away = sum(end - begin for begin, end in AWAY)
    part = (1 - away / SCENARIO.seconds) * (1 - RESTART_SECONDS / LIFE_SECONDS)
    return score(result, SCENARIO, oracle=part * oracle_rows(SCENARIO))


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="crashes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        told = summarize(list(pool.map(play_crashes, range(given.seeds))))
    print(
        "| scenario | client | seeds | mean | 5 % | worst | regret % | refused % |\n|---|---|---|---|---|---|---|---|"
    )
    print(
        f"| S12 | cryoasync | {given.seeds} | {told.mean:.1f} | {told.fifth_percentile:.1f} |"
        f" {told.worst:.1f} (seed {told.worst_seed}) | {told.regret_percent:.2f} | {told.refused_percent:.2f} |"
    )


if __name__ == "__main__":
    main()
