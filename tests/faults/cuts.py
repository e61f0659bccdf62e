"""Commits whose connection ends in that very moment."""

import asyncio
from collections import Counter

from tests.faults.proxy import Cut
from tests.faults.scene import load_on, scene_on
from tests.servers import Server


async def cut_commits(server: Server, cuts: int, seed: int) -> Counter[Cut]:
    """Cut so many commits of runs at work, in each of the ways; see that everything is stored once."""
    made: Counter[Cut] = Counter()
    async with scene_on(server, seed) as scene, load_on(scene):

        def next_cut() -> Cut | None:
            if made.total() >= cuts or scene.rng.random() < 0.5:
                return None
            cut = scene.rng.choice(list(Cut))
            made[cut] += 1
            return cut

        scene.proxy.next_cut = next_cut
        while made.total() < cuts:  # noqa: ASYNC110 - the proxy counts
            await asyncio.sleep(0.01)
    return made
