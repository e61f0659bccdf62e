"""Descriptors a second: one process without a pool, then the pool with one process a core.

Run: ``python benchmarks/bench_descriptors.py``. The molecules are the NCI set inside the rdkit wheel.
"""

import asyncio
import json
import os
import time
from pathlib import Path

from rdkit import RDConfig

from cryoasync.chemistry.descriptors import describe
from cryoasync.chemistry.models import Structure, StructureFormat
from cryoasync.chemistry.process_pool import RdkitPool

CHUNK = 200


async def pooled(structures: list[Structure], workers: int) -> float:
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
    """Print one JSON object."""
    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()
    structures = [Structure(format=StructureFormat.SMILES, text=line.split()[0]) for line in lines if line]
    started = time.perf_counter()
    for structure in structures:
        describe(structure)
    alone_seconds = time.perf_counter() - started
    workers = os.cpu_count() or 1
    pooled_seconds = asyncio.run(pooled(structures, workers))
    report = {
        "molecules": len(structures),
        "alone_per_second": round(len(structures) / alone_seconds),
        "workers": workers,
        "pooled_per_second": round(len(structures) / pooled_seconds),
        "pooled_per_second_and_worker": round(len(structures) / pooled_seconds / workers),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
