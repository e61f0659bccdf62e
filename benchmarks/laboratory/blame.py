"""Whether a server in trouble ever costs a compound: brown-outs, blackouts and blocks of every kind, by seed.

``python -m benchmarks.laboratory.blame --seeds 1000`` plays each for a minute and a half with the whole client, and
tells how many compounds were given up, of which there must be none, since nothing is wrong with any.
"""

import argparse
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from benchmarks.laboratory.server import Kind, ServerModel
from benchmarks.laboratory.whole import Fault, World, play_whole

SECONDS = 90.0
CHUNK = 20
FROM, UNTIL = 10.0, 70.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What a play came to: compounds asked for and settled, given up, troubles met, culprits looked for."""

    settled: int
    given_up: int
    troubles: int
    suspected: int


def _brown_out(rng: random.Random) -> World:
    """A part of the requests fails, in one way or in all ways at once."""
    share = rng.uniform(0.1, 0.6)
    kinds = rng.sample(list(Fault), rng.randint(1, len(Fault)))

    def fault(now: float, drawn: random.Random) -> Fault | None:
        return drawn.choice(kinds) if FROM <= now < UNTIL and drawn.random() < share else None

    return World(model=ServerModel(), seconds=SECONDS, fault=fault)


def _blackout(rng: random.Random) -> World:
    """Every request fails for a while, and a tenth of them before and after."""
    kind, start, lasts = rng.choice(list(Fault)), rng.uniform(0.0, 30.0), rng.uniform(5.0, 50.0)

    def fault(now: float, drawn: random.Random) -> Fault | None:
        return kind if start <= now < start + lasts or drawn.random() < 0.1 else None

    return World(model=ServerModel(), seconds=SECONDS, fault=fault)


def _block(rng: random.Random) -> World:
    """The address is blocked for a while, or the limit cut, amid pages of a gateway."""
    start, lasts = rng.uniform(0.0, 20.0), rng.uniform(5.0, 40.0)
    is_cut = rng.random() < 0.5

    def outage(now: float) -> Kind | None:
        return Kind.BLOCKED if not is_cut and start <= now < start + lasts else None

    def limit(now: float) -> float:
        return 1 if is_cut and start <= now < start + lasts else 5

    def fault(_: float, drawn: random.Random) -> Fault | None:
        return Fault.PAGE if drawn.random() < 0.15 else None

    return World(model=ServerModel(outage=outage, limit=limit), seconds=SECONDS, fault=fault)


WORLDS: Mapping[str, Callable[[random.Random], World]] = {
    "brown-out": _brown_out,
    "blackout": _blackout,
    "block": _block,
}


def play_one(name: str, seed: int) -> Blame:
    """Play one world of the kind."""
    played = play_whole(WORLDS[name](random.Random(f"{seed} {name}")), seed, chunk=CHUNK)
    return Blame(
        settled=len(played.log.settled),
        given_up=len(played.log.given_up),
        troubles=played.guards.traffic.errors.total(),
        suspected=played.log.isolations,
    )


def main() -> None:
    """Play what the command line asks for, and tell of it by the hundred."""
    parser = argparse.ArgumentParser(prog="blame", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    given = parser.parse_args()
    print("| trouble | plays | compounds | troubles | batches suspected | compounds given up |")
    print("|---|---|---|---|---|---|")
    with ProcessPoolExecutor() as pool:
        for start in range(0, given.seeds, 100):
            for name in WORLDS:
                seeds = range(start, min(start + 100, given.seeds))
                plays = list(pool.map(partial(play_one, name), seeds))
                print(
                    f"| {name}, {seeds[0]}-{seeds[-1]} | {len(plays)} | {sum(p.settled for p in plays):,}"
                    f" | {sum(p.troubles for p in plays):,} | {sum(p.suspected for p in plays):,}"
                    f" | {sum(p.given_up for p in plays)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
