"""Plays many mixes of faults, and cuts many commits: ``python -m tests.faults.sweep``.

It ends with the first that loses or doubles something; its seed is the last one printed.
"""

import argparse
import asyncio
import sys
import time

from tests.faults.catalogue import FAULTS, mix
from tests.faults.cuts import cut_commits
from tests.faults.scene import SETTINGS, load_on, scene_on
from tests.servers import running_server


async def sweep(mixes: int, cuts: int, first_seed: int) -> None:
    """Play each fault alone, mixes by seed, and the cuts."""
    async with running_server(settings=SETTINGS) as server:
        for fault in FAULTS:
            tell(fault.__name__)
            async with scene_on(server, first_seed) as scene, load_on(scene):
                await fault(scene)
        for seed in range(first_seed, first_seed + mixes):
            tell(f"mix {seed}: ")
            async with scene_on(server, seed) as scene, load_on(scene) as works:
                names = await mix(scene)
            rows, commits = sum(work.stored for work in works), sum(work.commits for work in works)
            tell(f"    {', '.join(names)}: {rows} rows in {commits} commits, each once")
        if cuts:
            tell(f"{cuts} commits cut")
            for cut, number in (await cut_commits(server, cuts, first_seed)).items():
                tell(f"    {cut.value}: {number}")


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mixes", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first mix")
    arguments = parser.parse_args()
    asyncio.run(sweep(arguments.mixes, arguments.cuts, arguments.seed))


if __name__ == "__main__":
    main()
