"""Descriptors a second: one process without a pool, then the pool with one process a core.

The molecules are the NCI set inside the rdkit wheel.

Run: ``python -m benchmarks.bench_descriptors --rounds 3``.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rdkit import RDConfig

from benchmarks.report import print_report, say
from cryoasync.chemistry.descriptors import describe
from cryoasync.chemistry.models import Structure, StructureFormat
from cryoasync.chemistry.process_pool import RdkitPool

CHUNK = 200


def alone(structures: Sequence[Structure]) -> float:
    """Return the seconds that this process takes."""
    started = time.perf_counter()
    for structure in structures:
        describe(structure)
    return time.perf_counter() - started


async def pooled(structures: Sequence[Structure], workers: int) -> float:
    """Return the seconds that the pool takes, once its processes have started."""
    chunks = [
        list(enumerate(structures[start : start + CHUNK])) for start in range(0, len(structures), CHUNK)
    ]
    async with RdkitPool(workers) as pool:
        await asyncio.gather(*(pool.describe(chunks[0][:1]) for _ in range(workers)))
        started = time.perf_counter()
        await asyncio.gather(*(pool.describe(chunk) for chunk in chunks))
        return time.perf_counter() - started


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()
    structures = [Structure(format=StructureFormat.SMILES, text=line.split()[0]) for line in lines if line]
    workers = os.cpu_count() or 1
    rounds = []
    for _ in range(arguments.rounds):
        seconds = alone(structures), asyncio.run(pooled(structures, workers))
        rounds.append(seconds)
        say(f"alone {len(structures) / seconds[0]:,.0f}/s, pooled {len(structures) / seconds[1]:,.0f}/s")
    alone_per_second = len(structures) / median(seconds for seconds, _ in rounds)
    pooled_per_second = len(structures) / median(seconds for _, seconds in rounds)
    results = {
        "molecules": len(structures),
        "workers": workers,
        "alone_per_second": round(alone_per_second),
        "pooled_per_second": round(pooled_per_second),
        "pooled_per_second_and_worker": round(pooled_per_second / workers),
        "ratio": round(median(first / second for first, second in rounds), 2),
    }
    print_report("descriptors", vars(arguments), results)


if __name__ == "__main__":
    main()
