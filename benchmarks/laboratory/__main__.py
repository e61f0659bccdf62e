"""Plays every scenario with every client over many seeds, and prints the table of scores.

``python -m benchmarks.laboratory --seeds 20`` plays all; ``--scenario`` and ``--client`` choose some.
"""

import argparse
import random
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from benchmarks.laboratory.baselines import Aimd, AwsAdaptive, Bucket, WindowLog
from benchmarks.laboratory.clients import Client, Cryoasync
from benchmarks.laboratory.play import play
from benchmarks.laboratory.scenarios import DAY, SCENARIOS
from benchmarks.laboratory.score import Score, Summary, score, summarize

CLIENTS: Mapping[str, Callable[[random.Random], Client]] = {
    "cryoasync": Cryoasync,
    "window log": lambda _: WindowLog(),
    "bucket": lambda _: Bucket(honours_retry_after=False),
    "bucket, Retry-After": lambda _: Bucket(honours_retry_after=True),
    "AWS adaptive": lambda _: AwsAdaptive(),
    "AIMD": lambda _: Aimd(),
}
"""What is compared, the first with the others."""


def play_seed(scenario: str, client: str, seed: int) -> Score:
    """Return the score of one play; client and server draw from the seed, each on its own."""
    rng = random.Random(f"{seed} client")
    result = play(CLIENTS[client](rng), SCENARIOS[scenario], random.Random(f"{seed} server"))
    return score(result, SCENARIOS[scenario])


def _row(scenario: str, client: str, seeds: int, told: Summary) -> str:
    goal = SCENARIOS[scenario]
    figures = (
        f"{told.mean:.1f} | {told.fifth_percentile:.1f} | {told.worst:.1f} (seed {told.worst_seed})"
        f" | {told.regret_percent:.2f} | {told.refused_percent:.2f} | {told.blocks}"
    )
    wanted = f"≤ {goal.regret_percent:g} / {goal.refused_percent:g}" if client == "cryoasync" else ""
    return f"| {scenario} | {client} | {seeds} | {figures} | {wanted} |"


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="laboratory", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="plays of each; scenarios of days get a tenth")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="by default all")
    parser.add_argument("--client", action="append", choices=CLIENTS, help="by default all")
    given = parser.parse_args()
    print("| scenario | client | seeds | mean | 5 % | worst | regret % | refused % | blocks | goal |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor() as pool:
        for scenario in given.scenario or SCENARIOS:
            seeds = max(1, given.seeds // 10) if SCENARIOS[scenario].seconds >= DAY else given.seeds
            for client in given.client or CLIENTS:
                scores = list(pool.map(partial(play_seed, scenario, client), range(seeds)))
                print(_row(scenario, client, seeds, summarize(scores)), flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
