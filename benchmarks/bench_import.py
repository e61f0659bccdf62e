"""Compounds a second into the database, beside the floor; and the memory that a long import takes.

One simulator without a policy answers everybody; each import has a fresh database. What is measured, in each
round in this order: the floor (see ``floor.py``), the command without RDKit, and the command with RDKit for
what PubChem left out; each without and with synonyms. All must leave the same rows behind.

Run: ``python -m benchmarks.bench_import --compounds 1000000 --rounds 3``.
"""

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import asyncpg
import psutil

from benchmarks.postgres import Postgres, postgres_at, value
from benchmarks.processes import CRYOASYNC, UNTHROTTLED, cpu_seconds_with_children, measured
from benchmarks.report import print_report, say
from cryoasync.simulator.process import SimulatorProcess
from cryoasync.simulator.settings import SimulatorSettings
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS

FLOOR = "floor"
VARIANTS = (FLOOR, "off", "missing", "all")
_WARM_UP_COMPOUNDS = 20_000
_PROGRESS_SECONDS = 0.25
_SAID_COLUMNS = [column for column in PUBCHEM_COMPOUNDS.columns if column not in {"fetched_at", "run_id"}]
_FINGERPRINT = (
    "SELECT count(*) || ' rows, ' || sum(hashtextextended((SELECT row)::text, 0)::numeric)"
    f" FROM (SELECT {', '.join(_SAID_COLUMNS)} FROM cryoasync.pubchem_compounds) AS row"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One import.

    ``work_seconds`` go from the first request to the last commit, ``whole_seconds`` from the start of the
    process to its end, ``seconds_of_tenths`` from one tenth of the compounds to the next.
    """

    variant: str
    synonyms: bool
    compounds: int
    work_seconds: float
    whole_seconds: float
    seconds_of_tenths: list[float]
    cpu_seconds: dict[str, float]
    memory_mb: dict[str, float]
    rdkit_filled: int
    fingerprint: str

    @property
    def per_second(self) -> float:
        """Compounds into the database in a second of work."""
        return self.compounds / self.work_seconds


class Bench:
    """Measures imports from one simulator into one server."""

    def __init__(self, postgres: Postgres, base_url: str, simulator_pid: int, options: Sequence[str]) -> None:
        """Give ``options`` to every command that is measured."""
        self._postgres = postgres
        self._base_url = base_url
        self._simulator_pid = simulator_pid
        self._options = options

    async def measure(self, variant: str, compounds: int, *, synonyms: bool) -> Result:
        """Import into a fresh database."""
        async with self._postgres.fresh_database() as dsn:
            postgres_before, simulator_before = self._postgres.cpu_seconds(), self._simulator_cpu_seconds()
            command = self._command(variant, dsn, compounds, synonyms=synonyms)
            async with progress_in(dsn) as progress:
                ended = await measured(command, environment=UNTHROTTLED)
            cpu_seconds = {
                "main": ended.main_cpu_seconds,
                "rdkit": max(0.0, ended.cpu_seconds - ended.main_cpu_seconds)
                if variant == "missing"
                else 0.0,
                "postgres": self._postgres.cpu_seconds() - postgres_before,
                "simulator": self._simulator_cpu_seconds() - simulator_before,
            }
            result = Result(
                variant=variant,
                synonyms=synonyms,
                compounds=ended.document["imported"],
                work_seconds=round(ended.document["work_seconds"], 3),
                whole_seconds=round(ended.seconds, 3),
                seconds_of_tenths=seconds_of_tenths(progress, compounds),
                cpu_seconds={name: round(seconds, 2) for name, seconds in cpu_seconds.items()},
                memory_mb=ended.memory(),
                rdkit_filled=ended.document.get("rdkit_filled", 0),
                fingerprint=str(await value(dsn, _FINGERPRINT)),
            )
        say(
            f"{variant:8} {'with' if synonyms else 'without'} synonyms: {result.per_second:,.0f} compounds/s,"
            f" {result.memory_mb['peak']:.0f} MB"
        )
        return result

    def _command(self, variant: str, dsn: str, compounds: int, *, synonyms: bool) -> list[str]:
        common = ["--base-url", self._base_url, "--dsn", dsn, "--synonyms" if synonyms else "--no-synonyms"]
        if variant == FLOOR:
            return [sys.executable, "-m", "benchmarks.floor", "--compounds", str(compounds), *common]
        words = ["run", "pubchem", f"1-{compounds}", "--no-cache", "--json", "--rdkit", variant]
        return [*CRYOASYNC, *words, *common, *self._options]

    def _simulator_cpu_seconds(self) -> float:
        return cpu_seconds_with_children(self._simulator_pid)


@asynccontextmanager
async def progress_in(dsn: str) -> AsyncIterator[list[tuple[float, int]]]:
    """Yield a list to which moments, and the compounds imported by then, are added as long as the block runs."""
    progress: list[tuple[float, int]] = []
    connection = await asyncpg.connect(dsn)

    async def watch() -> None:
        while True:
            imported = await connection.fetchval("SELECT max(imported) FROM cryoasync.runs")
            progress.append((time.perf_counter(), imported or 0))
            await asyncio.sleep(_PROGRESS_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield progress
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await connection.close()


def seconds_of_tenths(progress: Sequence[tuple[float, int]], compounds: int) -> list[float]:
    """Return how long the second, third and so on tenth of the compounds took; nothing for what keeps no books."""
    reached = [
        next((moment for moment, imported in progress if imported >= compounds * tenth / 10), None)
        for tenth in range(1, 11)
    ]
    moments = [moment for moment in reached if moment is not None]
    return [round(later - sooner, 2) for sooner, later in pairwise(moments)]


async def bench(arguments: argparse.Namespace) -> list[Result]:
    """Measure all rounds; each variant of a round right after the other, so that noise falls on all."""
    settings = SimulatorSettings(scenario="unthrottled")
    choices = {"both": (False, True), "off": (False,), "on": (True,)}[arguments.synonyms]
    results: list[Result] = []
    async with postgres_at(arguments.dsn) as postgres, SimulatorProcess(settings) as simulator:
        measuring = Bench(postgres, simulator.base_url, _simulator_pid(), arguments.option)
        for synonyms in choices:
            # The simulator encodes each molecule when it is first asked for it.
            await measuring.measure(FLOOR, _WARM_UP_COMPOUNDS, synonyms=synonyms)
        for number in range(1, arguments.rounds + 1):
            say(f"round {number} of {arguments.rounds}")
            results += [
                await measuring.measure(variant, arguments.compounds, synonyms=synonyms)
                for synonyms in choices
                for variant in arguments.variants
            ]
    return results


def _simulator_pid() -> int:
    [process] = [child for child in psutil.Process().children() if "simulate" in child.cmdline()]
    return process.pid


def summarised(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return medians over the rounds, and the ratio to the floor of the same round."""
    by_case: defaultdict[tuple[bool, str], list[Result]] = defaultdict(list)
    for result in results:
        by_case[result.synonyms, result.variant].append(result)
    return [_case(cases, by_case[synonyms, FLOOR]) for (synonyms, _), cases in list(by_case.items())]


def _case(cases: Sequence[Result], floors: Sequence[Result]) -> dict[str, Any]:
    ratios = [case.per_second / floor.per_second for case, floor in zip(cases, floors, strict=False)]
    return {
        "variant": cases[0].variant,
        "synonyms": cases[0].synonyms,
        "compounds": cases[0].compounds,
        "compounds_per_second": round(median(case.per_second for case in cases)),
        "compounds_per_second_whole_process": round(
            median(case.compounds / case.whole_seconds for case in cases)
        ),
        "ratio_to_floor": round(median(ratios), 3) if ratios else None,
        "ratios": [round(ratio, 3) for ratio in ratios],
        "seconds_of_tenths": [
            median(tenths) for tenths in zip(*(case.seconds_of_tenths for case in cases), strict=False)
        ],
        "rdkit_filled": cases[0].rdkit_filled,
        "cpu_seconds": _medians([case.cpu_seconds for case in cases]),
        "memory_mb": {name: max(case.memory_mb[name] for case in cases) for name in cases[0].memory_mb},
    }


def _medians(values: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(value[name] for value in values), 1) for name in values[0]}


def assert_equal_rows(results: Iterable[Result]) -> None:
    """See that what was compared is the same work.

    Raises:
        SystemExit: two imports of the same compounds left different rows.
    """
    for synonyms in (False, True):
        found = {result.fingerprint for result in results if result.synonyms is synonyms}
        if len(found) > 1:
            raise SystemExit(f"The imports left different rows: {found}")


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compounds", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--synonyms", choices=("both", "off", "on"), default="both")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS[:3]))
    parser.add_argument("--dsn", help="a server on which databases may be made; else an embedded one")
    parser.add_argument("--option", action="append", default=[], help="one more word for `cryoasync run`")
    arguments = parser.parse_args()
    results = asyncio.run(bench(arguments))
    assert_equal_rows(results)
    print_report(
        "import", vars(arguments), {"cases": summarised(results), "single": [asdict(r) for r in results]}
    )


if __name__ == "__main__":
    main()
