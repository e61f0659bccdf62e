"""What the checkpoint of a long run costs: a commit, and a start, with little and with nearly everything done.

The command makes a run of a million entries; its checkpoint is then set to each of several states, one after
the other in each round. In each state the command is started and stopped, and the time until its first request
reaches the simulator is taken; then batches without rows, which leaves the books alone, are committed for the
chunks that the run would do next.

Run: ``python -m benchmarks.bench_checkpoint --entries 1000000 --rounds 5``.
"""

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from benchmarks.postgres import execute, postgres_at, value
from benchmarks.processes import CRYOASYNC, ROOT, UNTHROTTLED, environment_in, measured
from benchmarks.report import print_report, say
from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator
from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.runs.checkpoint import PostgresBatchStore
from cryoasync.database.runs.owner import this_process
from cryoasync.database.runs.pending_entries import PostgresPendingEntries
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.repository import RunRepository
from cryoasync.database.runs.spool import BLOCK_POSITIONS
from cryoasync.models import Batch, Chunk, ChunkResult, EntryResult, EntryState, RunStatus
from cryoasync.pipeline.chunk_generator import ChunkGenerator
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.simulator.process import SimulatorProcess
from cryoasync.simulator.settings import SimulatorSettings

FIRST = "the first start, which reads the input in"
AGAIN = "the same command once all is done: a new run, in which every compound is young enough"
_COMMITS = 40
_BATCH_ENTRIES = 1000
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A checkpoint: of every ``period`` entries the first ``done`` are settled; all of them where they are equal."""

    name: str
    done: int
    period: int


def states_of(entries: int) -> tuple[State, ...]:
    """Return the states to compare; the first one is what the others are compared with."""
    return (
        State(name="0 % done", done=0, period=entries),
        State(name="50 % done, in one piece", done=entries // 2, period=entries),
        State(name="50 % done, 5,000 holes of 100 to a million", done=100, period=200),
        State(name="99 % done, in one piece", done=entries // 100 * 99, period=entries),
        State(name="99 % done, 1,000 holes of 10 to a million", done=990, period=1000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a run takes place."""

    dsn: str
    base_url: str
    statistics_url: str
    entries: int

    def command(self) -> list[str]:
        """Return the command whose run is measured."""
        words = [
            "run",
            "pubchem",
            f"1-{self.entries}",
            "--no-cache",
            "--json",
            "--no-synonyms",
            "--rdkit",
            "off",
        ]
        return [*CRYOASYNC, *words, "--base-url", self.base_url, "--dsn", self.dsn]

    async def set(self, state: State) -> None:
        """Put the checkpoint of the latest run into a state, as if nothing had ever failed."""
        await execute(
            self.dsn,
            """
            WITH run AS (SELECT max(id) AS id FROM cryoasync.runs),
            block AS (
                UPDATE cryoasync.run_blocks SET done = (
                    SELECT coalesce(range_agg(int8range(start, start + $1)), '{}')
                    FROM generate_series(0::bigint, $3 - 1, $2) AS start
                    WHERE $1 > 0
                )
                FROM run WHERE run_id = run.id
            ),
            requests AS (DELETE FROM cryoasync.requests USING run WHERE run_id = run.id)
            UPDATE cryoasync.runs
            SET status = 'stopped', owner = NULL, imported = $3 / $2 * $1, pending = $3 - $3 / $2 * $1
            FROM run WHERE runs.id = run.id
            """,
            state.done,
            state.period,
            self.entries,
        )
        await execute(self.dsn, "VACUUM ANALYZE cryoasync.run_blocks, cryoasync.runs, cryoasync.requests")

    async def seconds_to_first_request(self) -> float:
        """Start the command, stop it once it has asked for something, and return how long that took it."""
        async with aiohttp.ClientSession() as session:
            async with session.post(self.statistics_url.replace("statistics", "reset")):
                reset_at = time.monotonic()
            with (
                tempfile.TemporaryDirectory(prefix="cryoasync-") as folder,
                (Path(folder) / "log").open("wb") as log,
            ):
                started_at = time.monotonic()
                process = await asyncio.create_subprocess_exec(
                    *self.command(),
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    env=environment_in(Path(folder), UNTHROTTLED),
                )
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    first = await self._first_arrival(session)
                    process.send_signal(signal.SIGTERM)
                    await process.wait()
        return reset_at + first - started_at

    async def _first_arrival(self, session: aiohttp.ClientSession) -> float:
        while True:
            async with session.get(self.statistics_url) as response:
                arrivals: list[float] = (await response.json())["arrivals"]
            if arrivals:
                return arrivals[0]
            await asyncio.sleep(_POLL_SECONDS)

    async def commit_seconds(self) -> list[float]:
        """Commit batches for the chunks that come next, and return how long each took."""
        async with open_database(DatabaseSettings(dsn=self.dsn)) as database:
            runs = RunRepository(database, this_process())
            found = await runs.get(str(await value(self.dsn, "SELECT max(id) FROM cryoasync.runs")))
            async with runs.hold(found.run_key) as hold:
                run = await hold.claim(found)
                seconds = await _commit(database, run)
                await hold.finish(RunStatus.STOPPED)
        return seconds

    async def seconds_when_all_is_young(self) -> float:
        """Finish the run without its source, and return how long the same command takes then."""
        await execute(
            self.dsn,
            "INSERT INTO cryoasync.pubchem_compounds (cid, title, fetched_at, run_id)"
            " SELECT cid, 'compound ' || cid, now(), 1 FROM generate_series(1, $1::bigint) AS cid"
            " ON CONFLICT (cid) DO UPDATE SET fetched_at = excluded.fetched_at",
            self.entries,
        )
        await execute(self.dsn, "VACUUM ANALYZE cryoasync.pubchem_compounds")
        await self.set(State(name="all", done=self.entries, period=self.entries))
        await execute(self.dsn, "UPDATE cryoasync.runs SET status = 'finished'")
        ended = await measured(self.command(), environment=UNTHROTTLED)
        if ended.document["requests"] or ended.document["already_done"] != self.entries:
            raise SystemExit(f"Something was asked for again: {ended.document}")
        return ended.seconds


async def _commit(database: Database, run: Run) -> list[float]:
    store = PostgresBatchStore(run, BatchDatabaseOperator(database))
    patience = DatabasePatience(
        0.0,
        DatabaseBreaker(clock=time.monotonic),
        drowning_seconds=60.0,
        clock=time.monotonic,
        rng=random.Random(),
    )
    pending = PostgresPendingEntries(database, run)
    chunks = ChunkGenerator(pending, lambda: 200, patience).chunks()
    seconds: list[float] = []
    results: list[ChunkResult] = []
    async for chunk in chunks:
        results.append(_imported(chunk))
        if sum(len(result.entries) for result in results) < _BATCH_ENTRIES:
            continue
        began_at = time.perf_counter()
        await store.commit(Batch(results=tuple(results)))
        seconds.append(time.perf_counter() - began_at)
        results.clear()
        if len(seconds) == _COMMITS:
            break
    # Statements are prepared, and types looked up, in the first one.
    return seconds[1:]


def _imported(chunk: Chunk) -> ChunkResult:
    entries = tuple(EntryResult(entry=entry, state=EntryState.IMPORTED) for entry in chunk.entries)
    return ChunkResult(chunk=chunk, entries=entries)


async def bench(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every state in every round."""
    starts: defaultdict[str, list[float]] = defaultdict(list)
    commits: defaultdict[str, list[float]] = defaultdict(list)
    simulated = SimulatorProcess(SimulatorSettings(scenario="unthrottled"))
    async with postgres_at(arguments.dsn) as postgres, simulated as simulator:
        for number in range(1, arguments.rounds + 1):
            say(f"round {number} of {arguments.rounds}")
            async with postgres.fresh_database() as dsn:
                stage = Stage(
                    dsn=dsn,
                    base_url=simulator.base_url,
                    statistics_url=simulator.statistics_url,
                    entries=arguments.entries,
                )
                starts[FIRST].append(await stage.seconds_to_first_request())
                for state in states_of(arguments.entries):
                    await stage.set(state)
                    starts[state.name].append(await stage.seconds_to_first_request())
                    await stage.set(state)
                    commits[state.name].append(median(await stage.commit_seconds()))
                    say(
                        f"{state.name}: start {starts[state.name][-1]:.2f} s, commit {commits[state.name][-1]:.4f} s"
                    )
                starts[AGAIN].append(await stage.seconds_when_all_is_young())
    return {
        "seconds_to_first_request": _compared(starts, FIRST),
        "milliseconds_to_commit_the_books_of_1000_entries": _compared(
            {name: [1000 * seconds for seconds in rounds] for name, rounds in commits.items()},
            states_of(arguments.entries)[0].name,
        ),
    }


def _compared(measurements: Mapping[str, list[float]], reference: str) -> dict[str, dict[str, float]]:
    """Return medians, and the medians of the ratios within each round."""
    return {
        name: {
            "median": round(median(rounds), 3),
            "ratio": round(
                median(mine / theirs for mine, theirs in zip(rounds, measurements[reference], strict=True)), 3
            ),
        }
        for name, rounds in measurements.items()
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=BLOCK_POSITIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dsn", help="a server on which databases may be made; else an embedded one")
    arguments = parser.parse_args()
    if arguments.entries % 1000 or not 300_000 <= arguments.entries <= BLOCK_POSITIONS:
        parser.error(f"--entries takes thousands, from 300,000 to the {BLOCK_POSITIONS:,} of one block")
    print_report("checkpoint", vars(arguments), asyncio.run(bench(arguments)))


if __name__ == "__main__":
    main()
