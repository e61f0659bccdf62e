"""How near an import comes to the shortest legal time, and that it breaks no window on the way.

The simulator keeps PubChem's policy and pace. From the first request to the last commit, beside what
``cryoasync plan`` says; on a good day, and with the faults of the scenario ``faults``.

Run: ``python -m benchmarks.bench_policy --compounds 5000 --rounds 5``.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import aiohttp

from benchmarks.postgres import Postgres, postgres_at
from benchmarks.processes import CRYOASYNC, measured
from benchmarks.report import print_report, say
from cryoasync.service.plan import shortest_seconds
from cryoasync.simulator.process import SimulatorProcess
from cryoasync.simulator.settings import SimulatorSettings

SCENARIOS = ("steady", "faults")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One import.

    ``ratio`` is to the planned time; ``ratio_for_its_requests`` to the shortest time in which the policy allows
    the requests that were sent, retries included. ``violations`` counts the requests that came while a window
    of the policy was full.
    """

    scenario: str
    seed: int
    imported: int
    planned_seconds: float
    work_seconds: float
    ratio: float
    ratio_for_its_requests: float
    requests: int
    retries: int
    violations: int
    refused: int
    peak_per_second: int
    peak_per_minute: int


async def measure(postgres: Postgres, scenario: str, seed: int, compounds: int) -> Result:
    """Plan and import once, against a simulator that has seen nobody before."""
    async with (
        SimulatorProcess(SimulatorSettings(scenario=scenario, seed=seed)) as simulator,
        postgres.fresh_database() as dsn,
    ):
        words = [
            "pubchem",
            f"1-{compounds}",
            "--base-url",
            simulator.base_url,
            "--no-cache",
            "--json",
            "--dsn",
            dsn,
        ]
        plan = (await measured([*CRYOASYNC, "plan", *words], environment={})).document
        run = (await measured([*CRYOASYNC, "run", *words], environment={})).document
        seen = await _statistics(simulator.statistics_url)
    result = Result(
        scenario=scenario,
        seed=seed,
        imported=run["imported"],
        planned_seconds=round(plan["shortest_seconds"], 3),
        work_seconds=round(run["work_seconds"], 3),
        ratio=round(run["work_seconds"] / plan["shortest_seconds"], 3),
        ratio_for_its_requests=round(
            run["work_seconds"] / shortest_seconds(run["requests"], plan["requests_per_second"]), 3
        ),
        retries=run["retries"],
        **{
            name: seen[name]
            for name in ("requests", "violations", "refused", "peak_per_second", "peak_per_minute")
        },
    )
    say(f"{scenario}, seed {seed}: {result.ratio:.3f} of the shortest time, {result.violations} violations")
    return result


async def _statistics(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        statistics: dict[str, Any] = await response.json()
        return statistics


async def bench(arguments: argparse.Namespace) -> list[Result]:
    """Measure each scenario once a round, with a seed of the round's own."""
    async with postgres_at(arguments.dsn) as postgres:
        return [
            await measure(postgres, scenario, seed, arguments.compounds)
            for seed in range(1, arguments.rounds + 1)
            for scenario in arguments.scenarios
        ]


def summarised(results: Sequence[Result]) -> dict[str, Any]:
    """Return for a scenario the median ratio, the worst one, and every violation."""
    return {
        "median_ratio": median(result.ratio for result in results),
        "worst_ratio": max(result.ratio for result in results),
        "median_ratio_for_its_requests": median(result.ratio_for_its_requests for result in results),
        "violations": sum(result.violations for result in results),
        "refused": sum(result.refused for result in results),
        "imported": sorted({result.imported for result in results}),
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compounds", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS))
    parser.add_argument("--dsn", help="a server on which databases may be made; else an embedded one")
    arguments = parser.parse_args()
    results = asyncio.run(bench(arguments))
    cases = {
        scenario: summarised([result for result in results if result.scenario == scenario])
        for scenario in arguments.scenarios
    }
    print_report(
        "policy", vars(arguments), {"cases": cases, "single": [asdict(result) for result in results]}
    )


if __name__ == "__main__":
    main()
