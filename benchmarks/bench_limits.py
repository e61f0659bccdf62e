"""How the windows of the policy are kept, and how much of them is used, in real time against the simulator.

``steady``: one import, for minutes. ``storm``: an import that is killed and started again all the time beside another
one on the same database. ``far``: an import whose database answers late.

Run: ``python -m benchmarks.bench_limits steady --minutes 10``.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from benchmarks.postgres import Postgres, postgres_at, value
from benchmarks.processes import CRYOASYNC, ROOT, environment_in
from benchmarks.report import print_report
from cryoasync.simulator.process import SimulatorProcess
from cryoasync.simulator.settings import SimulatorSettings

NOMINAL_RATE = 5.0
EDGE_SECONDS = 2.0
"""How much of a measurement counts at neither end, where fewer requests wait than could be sent."""

STORM_ENTRIES = 2000


class Bench:
    """A simulator, a database and a home that several commands share."""

    def __init__(self, simulator: SimulatorProcess, dsn: str, home: Path) -> None:
        self._simulator = simulator
        self._dsn = dsn
        self._home = home

    async def start(self, cids: str) -> asyncio.subprocess.Process:
        """Start an import that asks for one compound in each request."""
        words = ["run", "pubchem", cids, "--chunk-size", "1", "--no-synonyms", "--rdkit", "off", "--no-cache"]
        where = ["--base-url", self._simulator.base_url, "--dsn", self._dsn, "--json"]
        with (self._home / "stderr").open("ab") as told:
            return await asyncio.create_subprocess_exec(
                *CRYOASYNC,
                *words,
                *where,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=told,
                cwd=ROOT,
                env=environment_in(self._home, {}),
            )

    async def imported(self, entries: int) -> int:
        """Return how many compounds the run of so many entries has saved; 0 before there is one."""
        query = "SELECT coalesce(sum(imported), 0)::bigint FROM cryoasync.runs WHERE requested = $1"
        found = await value(self._dsn, query, entries)
        assert isinstance(found, int)
        return found

    async def statistics(self) -> dict[str, Any]:
        """Return what the simulator has counted."""
        async with aiohttp.ClientSession() as session, session.get(self._simulator.statistics_url) as answer:
            counted: dict[str, Any] = await answer.json()
            return counted


@asynccontextmanager
async def bench(postgres: Postgres) -> AsyncIterator[Bench]:
    """Open a bench that nothing has been done on."""
    with tempfile.TemporaryDirectory(prefix="cryoasync-") as folder:
        async with SimulatorProcess(SimulatorSettings()) as simulator, postgres.fresh_database() as dsn:
            yield Bench(simulator, dsn, Path(folder))


def use_of(statistics: dict[str, Any]) -> dict[str, Any]:
    """Return how much of the policy's rate was used, and what windows it cost."""
    arrivals: Sequence[float] = statistics["arrivals"]
    first, last = arrivals[0] + EDGE_SECONDS, arrivals[-1] - EDGE_SECONDS
    counted = [at for at in arrivals if first <= at <= last]
    rate = (len(counted) - 1) / (counted[-1] - counted[0])
    return {
        "seconds": round(arrivals[-1] - arrivals[0], 1),
        "rate": round(rate, 4),
        "part_of_nominal": round(rate / NOMINAL_RATE, 4),
        **{
            name: statistics[name]
            for name in ("requests", "violations", "refused", "peak_per_second", "peak_per_minute")
        },
    }


async def steady(postgres: Postgres, minutes: float) -> dict[str, Any]:
    """Import for some minutes, then stop."""
    async with bench(postgres) as at:
        process = await at.start(f"1-{round(60 * minutes * NOMINAL_RATE)}")
        await process.wait()
        return use_of(await at.statistics())


async def storm(postgres: Postgres, starts: int, seconds: float) -> dict[str, Any]:
    """Kill an import and start it again so many times, while another one goes on."""
    async with bench(postgres) as at:
        other = await at.start("3001-4500")
        began, fruitful = time.monotonic(), 0
        for number in range(starts):
            before = await at.imported(STORM_ENTRIES)
            process = await at.start(f"1-{STORM_ENTRIES}")
            await asyncio.sleep(max(0.0, began + (number + 1) * seconds / starts - time.monotonic()))
            process.kill()
            await process.wait()
            fruitful += await at.imported(STORM_ENTRIES) > before
        took = time.monotonic() - began
        other.terminate()
        await other.wait()
        return {
            **use_of(await at.statistics()),
            "starts": starts,
            "starts_that_saved_something": fruitful,
            "storm_seconds": round(took, 1),
        }


async def far(postgres: Postgres, minutes: float, delay_seconds: float) -> dict[str, Any]:
    """Import for some minutes into a database that is ``delay_seconds`` away, there and back."""
    async with delayed(postgres, delay_seconds) as distant:
        return await steady(distant, minutes)


@asynccontextmanager
async def delayed(postgres: Postgres, delay_seconds: float) -> AsyncIterator[Postgres]:
    """Yield the same server behind a proxy that holds every byte back for half of the delay, each way."""
    parts = urlsplit(postgres.dsn)
    folder = parse_qs(parts.query).get("host", [""])[0]
    port = parse_qs(parts.query).get("port", ["5432"])[0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        await asyncio.gather(_late(reader, back, delay_seconds / 2), _late(there, writer, delay_seconds / 2))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        address = server.sockets[0].getsockname()
        credentials = parts.netloc.rpartition("@")[0]
        netloc = f"{credentials}@{address[0]}:{address[1]}"
        dsn = parts._replace(netloc=netloc, query="").geturl()
        yield Postgres(dsn=dsn, postmaster=postgres.postmaster)


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on what comes, each part as late as the other."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            loop.call_later(seconds, writer.write, part)
    loop.call_later(seconds, writer.close)


async def main() -> None:
    """Measure what the command line asks for; a window exceeded is an exit code of 1."""
    parser = argparse.ArgumentParser(prog="bench_limits", description=__doc__)
    parser.add_argument("what", choices=["steady", "storm", "far"])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all starts of a storm together")
    parser.add_argument("--delay", type=float, default=0.15, help="seconds to the database and back")
    given = parser.parse_args()
    async with postgres_at(None) as postgres:
        match given.what:
            case "steady":
                told = await steady(postgres, given.minutes)
            case "storm":
                told = await storm(postgres, given.starts, given.seconds)
            case _:
                told = await far(postgres, given.minutes, given.delay)
    print_report(f"limits, {given.what}", {**vars(given), "load": os.getloadavg()[0]}, told)
    raise SystemExit(1 if told["violations"] else 0)


if __name__ == "__main__":
    asyncio.run(main())
