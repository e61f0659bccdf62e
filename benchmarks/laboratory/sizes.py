"""Chunk sizes: S6 with the sizer, abrupt changes, and a week of choices against a clairvoyant.

``python -m benchmarks.laboratory.sizes`` prints a table of each; ``--days 1`` plays a part of the week.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from benchmarks.laboratory.clients import Cryoasync
from benchmarks.laboratory.play import play
from benchmarks.laboratory.scenarios import SCENARIOS
from benchmarks.laboratory.score import Score, score, summarize
from benchmarks.laboratory.week import DAY, Aimd, Arms, Fixed, Learned, Policy, World, play_change, play_week

POLICIES: Mapping[str, Callable[[random.Random], Policy]] = {
    "cryoasync": Learned,
    "cryoasync, without hours": lambda rng: Learned(rng, knows_hours=False),
    "fixed 200": lambda _: Fixed(200),
    "fixed 100": lambda _: Fixed(100),
    "AIMD": lambda _: Aimd(),
    "discounted TS on 15 arms": Arms,
}
LARGER: Mapping[str, Callable[[random.Random], Policy]] = {
    "cryoasync, 5-500": partial(Learned, largest=500),
    "fixed 500": lambda _: Fixed(500),
    "fixed 200": lambda _: Fixed(200),
}
"""Compared with a clairvoyant who may ask for 500 at a time."""


def play_creep(policy: str, seed: int) -> Score:
    """Play S6 with the package's control of the rate, and sizes by ``policy``."""
    rng = random.Random(f"{seed} client")
    sizes = POLICIES[policy](random.Random(f"{seed} sizes"))
    return score(
        play(Cryoasync(rng), SCENARIOS["S6"], random.Random(f"{seed} server"), sizes), SCENARIOS["S6"]
    )


def play_days(policy: str, largest: int, days: int, seed: int) -> Sequence[float]:
    """Return the part of the clairvoyant's rows for each day of a week."""
    policies = POLICIES if largest == 200 else LARGER
    made = policies[policy](random.Random(f"{seed} sizes"))
    world = World(random.Random(f"{seed} world"), largest)
    return play_week(made, world, random.Random(f"{seed} answers"), end=days * DAY)


CHANGES = ((1.0, 0.015), (1.0, 0.03), (2.0, 0.008), (3.0, 0.004), (6.0, 0.0))
"""Slowness and failures an id, all of a sudden."""


def play_abrupt(policy: str, slowness: float, hazard: float, seed: int) -> float:
    """Return how near the best size a policy is fifty chunks after a change."""
    made = POLICIES[policy](random.Random(f"{seed} sizes"))
    return play_change(made, slowness, hazard, random.Random(f"{seed} answers"))


def _print_changes(pool: ProcessPoolExecutor, seeds: int) -> None:
    names = " | ".join(
        f"{slowness:g} times as slow, {hazard:g} failures an id" for slowness, hazard in CHANGES
    )
    print(f"\n| after a change: mean (worst) | seeds | {names} |\n|---|---|{'---|' * len(CHANGES)}")
    for policy in POLICIES:
        cells = []
        for slowness, hazard in CHANGES:
            shares = list(pool.map(partial(play_abrupt, policy, slowness, hazard), range(seeds)))
            cells.append(f"{statistics.fmean(shares):.1f} ({min(shares):.1f})")
        print(f"| {policy} | {seeds} | {' | '.join(cells)} |", flush=True)


def _print_creep(pool: ProcessPoolExecutor, seeds: int) -> None:
    print(
        "| S6, sizes by | seeds | mean | 5 % | worst | regret % | refused % |\n|---|---|---|---|---|---|---|"
    )
    for policy in POLICIES:
        if policy == "cryoasync, without hours":
            continue
        told = summarize(list(pool.map(partial(play_creep, policy), range(seeds))))
        print(
            f"| {policy} | {seeds} | {told.mean:.1f} | {told.fifth_percentile:.1f} | {told.worst:.1f}"
            f" | {told.regret_percent:.2f} | {told.refused_percent:.2f} |",
            flush=True,
        )


def _print_week(pool: ProcessPoolExecutor, largest: int, days: int, seeds: int) -> None:
    names = " | ".join(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[:days])
    print(f"\n| % of the clairvoyant, up to {largest} | seeds | {names} |\n|---|---|{'---|' * days}")
    for policy in POLICIES if largest == 200 else LARGER:
        plays = list(pool.map(partial(play_days, policy, largest, days), range(seeds)))
        cells = (f"{statistics.fmean(of_day):.1f}" for of_day in zip(*plays, strict=True))
        print(f"| {policy} | {seeds} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print what sizes bring."""
    parser = argparse.ArgumentParser(prog="laboratory.sizes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="weeks played of each")
    parser.add_argument("--days", type=int, default=7, choices=range(1, 8))
    given = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        _print_creep(pool, 2 * given.seeds)
        _print_changes(pool, 12 * given.seeds)
        for largest in (200, 500):
            _print_week(pool, largest, given.days, given.seeds)


if __name__ == "__main__":
    main()
