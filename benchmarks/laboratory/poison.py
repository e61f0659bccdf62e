"""S7: a few ids make every request fail that names them; how many requests it takes to find them.

``python -m benchmarks.laboratory.poison --seeds 3`` prints a table: the package's whole client beside bisecting
that asks for both halves, and beside bisecting by inference whose untested halves go back to the queue of all
ids. All give an id up only after it failed alone, twice.
"""

import argparse
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from benchmarks.laboratory.server import ServerModel
from benchmarks.laboratory.whole import World, play_whole

RATES = (1e-4, 5e-4, 2e-3)
SECONDS = 1200.0
CHUNK = 200
FORETELLABLE = 0.3
SPOT_BITS, SPOT_RATE = 6, 0.1
"""Of the poison so much lies in spots of neighbours, of which each is poisonous with this probability."""


def poison(rate: float, seed: int) -> Callable[[int], bool]:
    """Return which ids are poisonous: some of them where others are."""
    spots = FORETELLABLE * rate / SPOT_RATE

    def is_poison(number: int) -> bool:
        in_spot = random.Random(f"{seed} spot {number >> SPOT_BITS}").random() < spots
        chance = SPOT_RATE if in_spot else rate * (1 - FORETELLABLE)
        return _uniform(seed, number) < chance

    return is_poison


def _uniform(seed: int, number: int) -> float:
    """Return a number in [0, 1) of an id, the same each time: SplitMix64."""
    mixed = (number + seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (mixed ^ (mixed >> 31)) / 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a play took."""

    ids: int
    requests: int
    culprits: int
    is_exact: bool = True
    discrimination: float | None = None
    gain: float | None = None
    is_used: bool = False

    @property
    def ids_a_request(self) -> float:
        return self.ids / self.requests

    @property
    def extra(self) -> float:
        """Requests beyond those of full batches, for each culprit; two of them show that it fails alone."""
        return (self.requests - self.ids / CHUNK) / max(1, self.culprits)


class _Queue:
    """All ids, asked for in full batches by one of the usual ways."""

    def __init__(self, is_poison: Callable[[int], bool], ids: int) -> None:
        self._bad = [number for number in range(1, ids + 1) if is_poison(number)]
        self._is_bad = set(self._bad)
        self._waiting: deque[int] = deque(range(1, ids + 1))
        self._ids = ids
        self._requests = 0

    def _passes(self, part: Sequence[int]) -> bool:
        self._requests += 1
        return not any(number in self._is_bad for number in part)

    def _batches(self) -> Iterator[list[int]]:
        while self._waiting:
            yield [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]

    def both_halves(self) -> Cost:
        """Ask for both halves of what fails, as AWS Lambda does with batches of events."""
        for batch in self._batches():
            parts = [batch]
            while parts:
                part = parts.pop()
                if self._passes(part):
                    continue
                if len(part) == 1:
                    self._requests += 1
                else:
                    parts += [part[: len(part) // 2], part[len(part) // 2 :]]
        return self._cost()

    def inference(self) -> Cost:
        """Ask for one half of what fails; the other is bad, or goes back to the queue."""
        for batch in self._batches():
            if self._passes(batch):
                continue
            bad = batch
            while len(bad) > 1:
                half, rest = bad[: len(bad) // 2], bad[len(bad) // 2 :]
                if self._passes(half):
                    bad = rest
                    self._requests += len(rest) == 1
                else:
                    self._waiting += rest
                    bad = half
            self._requests += 1
        return self._cost()

    def _cost(self) -> Cost:
        return Cost(ids=self._ids, requests=self._requests, culprits=len(self._bad))


def play_usual(way: str, rate: float, seed: int) -> Cost:
    """Play one of the usual ways once."""
    queue = _Queue(poison(rate, seed), 400_000)
    return queue.both_halves() if way == "both halves" else queue.inference()


def play_one(rate: float, seed: int) -> Cost:
    """Play the whole client once."""
    is_poison = poison(rate, seed)
    played = play_whole(World(model=ServerModel(), seconds=SECONDS, is_poison=is_poison), seed)
    settled = set(played.log.settled)
    culprits = {number for number in settled if is_poison(number)}
    told = played.guards.errors.get_stats()["predictions"].get("property", {}).get("rejected", {})
    return Cost(
        ids=len(settled),
        requests=len(played.log.sent_at),
        culprits=len(culprits),
        is_exact=culprits == played.log.given_up,
        discrimination=told.get("area_under_curve"),
        gain=told.get("expected_gain"),
        is_used=told.get("is_used", False),
    )


def _row(rate: float, client: str, costs: list[Cost]) -> str:
    figures = (
        f"{statistics.fmean(cost.ids_a_request for cost in costs):.1f}"
        f" | {statistics.fmean(cost.extra for cost in costs):.2f}"
        f" | {sum(cost.culprits for cost in costs)}, {'exact' if all(c.is_exact for c in costs) else 'NOT EXACT'}"
    )
    told = [cost.discrimination for cost in costs if cost.discrimination is not None]
    used = sum(cost.is_used for cost in costs)
    foretold = f"AUC {statistics.fmean(told):.2f}, used in {used} of {len(costs)}" if told else ""
    return f"| {rate:g} | {client} | {len(costs)} | {figures} | {foretold} |"


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="poison", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rate", type=float, action="append", help="by default 0.0001, 0.0005 and 0.002")
    given = parser.parse_args()
    seeds = range(given.seeds)
    print("| rate | client | seeds | ids a request | extra requests a culprit | culprits | foretold |")
    print("|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor() as pool:
        for rate in given.rate or RATES:
            print(_row(rate, "cryoasync", list(pool.map(partial(play_one, rate), seeds))), flush=True)
            for way in ("inference", "both halves"):
                print(_row(rate, way, list(pool.map(partial(play_usual, way, rate), seeds))), flush=True)


if __name__ == "__main__":
    main()
