"""Rows a second into one table of 16 columns, by this package's operator, by hand, and by the usual libraries.

Every way has a database of its own, and all go on in turns, a slice of the rows each, so that whatever else the
machine does falls on all of them. Slow ways take a part of each slice. Then the size of batches: what the operator
settles on from several starts within 20 batches, and how fast batches of each fixed size are; and from how many rows
on a COPY is faster than arrays.

Run: ``make bench-libraries``, then ``python -m benchmarks.bench_database --rows 1000000``.
"""

import argparse
import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import asyncpg

from benchmarks import database_ways as ways
from benchmarks.postgres import Postgres, execute, postgres_at
from benchmarks.report import print_report, say
from cryoasync.control.writes.batch_size import FLUSH_SECONDS
from cryoasync.database.bulk import batch_transaction
from cryoasync.database.bulk.batch_operator import BatchLimits

SLICES = 20
SIZES = (100, 250, 500, 1000, 2500, 5000, 10_000, 20_000)
STARTS = (1, 100, 1000, 20_000)
SMALL_SIZES = (20, 100, 200, 500, 1000, 2000)
PARTS = ("ways", "sizes", "arrays")
_TUNING_BATCHES = 20
_SETTLED_BATCHES = 9
_NO_LIMIT = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A way, whether its table has the rows already, and one row in how many it writes."""

    way: ways.Way
    existing: bool = False
    one_in: int = 1


FLOOR_NEW = "by hand: COPY to staging, then merge; new rows"
OURS_NEW = "operator, new rows"
FLOOR_EXISTING = "by hand: COPY to staging, then merge; over existing rows"
OURS_EXISTING = "operator, over existing rows"
ONE_BY_ONE = "asyncpg, one INSERT a row"
CASES: Mapping[str, Case] = {
    "psql \\copy": Case(way=ways.psql_copy),
    "asyncpg COPY": Case(way=ways.with_connection(ways.asyncpg_copy)),
    FLOOR_NEW: Case(way=ways.with_connection(ways.merge_by_hand)),
    OURS_NEW: Case(way=ways.operator_upsert),
    FLOOR_EXISTING: Case(way=ways.with_connection(ways.merge_by_hand), existing=True),
    OURS_EXISTING: Case(way=ways.operator_upsert, existing=True),
    "asyncpg executemany": Case(way=ways.with_connection(ways.executemany)),
    "psycopg 3 binary copy": Case(way=ways.blocking(ways.psycopg_copy)),
    "SQLAlchemy 2 insert": Case(way=ways.blocking(ways.sqlalchemy_insert), one_in=5),
    "pandas to_sql": Case(way=ways.blocking(ways.pandas_to_sql), one_in=5),
    ONE_BY_ONE: Case(way=ways.with_connection(ways.one_by_one), one_in=100),
}
RATIOS = ((OURS_NEW, FLOOR_NEW), (OURS_EXISTING, FLOOR_EXISTING), (OURS_EXISTING, ONE_BY_ONE))


class Fixed(NamedTuple):
    """Batches of one size, and from how many rows on they are copied."""

    rows: int
    rows_to_copy: int = batch_transaction.ROWS_TO_COPY


class Bench:
    """Measures on one server."""

    def __init__(self, postgres: Postgres) -> None:
        """Write the same rows in every way."""
        self._postgres = postgres
        self._rows = ways.Rows(version=1)

    async def compared(self, rows: int) -> dict[str, dict[str, float]]:
        """Return rows a second, and processor seconds of client and server a million rows, by way."""
        taken: dict[str, list[float]] = {name: [0.0, 0.0, 0.0] for name in CASES}
        async with AsyncExitStack() as stack:
            writes = {
                name: await stack.enter_async_context(self._opened(case, rows))
                for name, case in CASES.items()
            }
            for number in range(SLICES):
                for name, write in writes.items():
                    count = rows // SLICES // CASES[name].one_in
                    batch = self._rows.slice(number * (rows // SLICES), count)
                    cpu_before = self._cpu_seconds()
                    seconds = await write(batch)
                    for place, value in enumerate((count, seconds, self._cpu_seconds() - cpu_before)):
                        taken[name][place] += value
                say(f"slice {number + 1} of {SLICES}")
        return {
            name: {
                "rows_per_second": round(count / seconds),
                "processor_seconds_a_million_rows": round(1e6 * cpu / count, 2),
            }
            for name, (count, seconds, cpu) in taken.items()
        }

    async def settled_size(self, start: int) -> int:
        """Return the size that the operator has settled on after 20 batches from a start."""
        limits = BatchLimits(start_rows=start, fewest_rows=1, most_rows=SIZES[-1], most_bytes=_NO_LIMIT)
        sizes: list[int] = []
        async with self._database() as dsn, ways.opened_operator(dsn, limits) as operator:
            while len(sizes) < _TUNING_BATCHES + _SETTLED_BATCHES:
                sizes.append(operator.optimize_batch_size())
                batch = self._rows.slice(sum(sizes) - sizes[-1], sizes[-1])
                await operator.bulk_insert("measured", ways.NAMES, batch, on_conflict=ways.BY_ID)
        say(f"from {start} on: {sizes}")
        return round(median(sizes[_TUNING_BATCHES:]))

    async def rates_of(self, cases: Sequence[Fixed], rounds: int) -> dict[Fixed, float]:
        """Return rows a second of batches of fixed sizes, which take turns; that of the median batch."""
        seconds: defaultdict[Fixed, list[float]] = defaultdict(list)
        async with AsyncExitStack() as stack:
            operators = {}
            for case in cases:
                limits = BatchLimits(
                    start_rows=case.rows, fewest_rows=case.rows, most_rows=case.rows, most_bytes=_NO_LIMIT
                )
                dsn = await stack.enter_async_context(self._database())
                operators[case] = await stack.enter_async_context(ways.opened_operator(dsn, limits))
            for number in range(rounds):
                for case, operator in operators.items():
                    batch_transaction.ROWS_TO_COPY = case.rows_to_copy
                    batch = self._rows.slice(number * case.rows, case.rows)
                    work = operator.bulk_insert("measured", ways.NAMES, batch, on_conflict=ways.BY_ID)
                    seconds[case].append(await ways.seconds_of(work))
        return {case: case.rows / median(each[1:]) for case, each in seconds.items()}

    @asynccontextmanager
    async def _opened(self, case: Case, rows: int) -> AsyncIterator[ways.Write]:
        async with self._database(rows if case.existing else 0) as dsn, case.way(dsn) as write:
            yield write

    @asynccontextmanager
    async def _database(self, existing: int = 0) -> AsyncIterator[str]:
        """Yield the DSN of a database whose table has so many rows, of another version."""
        async with self._postgres.fresh_database() as dsn:
            await execute(dsn, ways.CREATE_TABLE)
            if existing:
                connection = await asyncpg.connect(dsn)
                await ways.asyncpg_copy(connection, ways.Rows().slice(0, existing))
                await connection.close()
                await execute(dsn, "VACUUM ANALYZE measured")
                await execute(dsn, "CHECKPOINT")
            yield dsn

    def _cpu_seconds(self) -> float:
        return time.process_time() + self._postgres.cpu_seconds()


async def bench(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the parts that are wanted, one after the other."""
    parts = {"ways": _ways, "sizes": _sizes, "arrays": _arrays}
    found: dict[str, Any] = {}
    async with postgres_at(arguments.dsn) as postgres:
        for name in arguments.parts:
            found |= await parts[name](Bench(postgres), arguments)
    return found


async def _ways(measuring: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    compared = await measuring.compared(arguments.rows)
    ratios = {
        f"{one} / {other}": {
            "rows": round(compared[one]["rows_per_second"] / compared[other]["rows_per_second"], 3),
            "processor": round(
                compared[other]["processor_seconds_a_million_rows"]
                / compared[one]["processor_seconds_a_million_rows"],
                3,
            ),
        }
        for one, other in RATIOS
    }
    return {"ways": compared, "ratios": ratios}


async def _sizes(measuring: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Compare what is settled on with the best of the sizes whose batches are quick enough."""
    settled = {start: await measuring.settled_size(start) for start in STARTS}
    cases = [Fixed(size) for size in sorted({*SIZES, *settled.values()})]
    rates = {case.rows: rate for case, rate in (await measuring.rates_of(cases, arguments.batches)).items()}
    best = max((rate for size, rate in rates.items() if size / rate <= FLUSH_SECONDS), default=0.0)
    return {
        "rows_per_second_by_batch_rows": {size: round(rate) for size, rate in rates.items()},
        "settled_after_20_batches": {
            start: {"batch_rows": size, "share_of_best": round(rates[size] / best, 3) if best else None}
            for start, size in settled.items()
        },
    }


async def _arrays(measuring: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    copied, as_arrays = (
        [Fixed(size, rows_to_copy) for size in SMALL_SIZES] for rows_to_copy in (0, _NO_LIMIT)
    )
    rates = await measuring.rates_of([*copied, *as_arrays], arguments.batches)
    return {
        "rows_per_second_of_small_batches": {
            name: {case.rows: round(rates[case]) for case in cases}
            for name, cases in (("copied", copied), ("as arrays", as_arrays))
        }
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=40, help="batches of each fixed size")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--dsn", help="a server on which databases may be made; else an embedded one")
    arguments = parser.parse_args()
    print_report("database", vars(arguments), asyncio.run(bench(arguments)))


if __name__ == "__main__":
    main()
