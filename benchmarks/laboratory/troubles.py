"""S4, S5 and S8: brown-outs, blackouts, and headers that lie, played by the package's whole client.

``python -m benchmarks.laboratory.troubles --seeds 4`` prints a table: the client beside the best and the worst of
the usual ways, which hear no headers and know nothing of endpoints that are down.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from benchmarks.laboratory.baselines import Aimd, AwsAdaptive, Bucket, WindowLog
from benchmarks.laboratory.clients import Client
from benchmarks.laboratory.play import play
from benchmarks.laboratory.scenarios import CHUNK, SCENARIOS, Scenario
from benchmarks.laboratory.score import score
from benchmarks.laboratory.server import Kind, ServerModel
from benchmarks.laboratory.whole import Headers, World, no_headers, play_whole

_GREEN = "Request Count status: Green (0%), Request Time status: Green (0%), Service status: Green (20%)"
_RED = "Request Count status: Red (90%), Request Time status: Red (90%), Service status: Red (90%)"
WEIGHT = 10
"""Ten compounds are played as one: nothing tells them apart here."""

_LIE_FROM, _LIE_UNTIL = 300.0, 1500.0
_RETRY_AFTER = ("0", "-5", "1e9", "Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 26 Nov 2026 01:00:00 GMT", "soon")


def _red(now: float, _: random.Random) -> Mapping[str, str]:
    return {"X-Throttling-Control": _RED if _LIE_FROM <= now < _LIE_UNTIL else _GREEN}


def _odd_retry_after(_: float, rng: random.Random) -> Mapping[str, str]:
    return {"X-Throttling-Control": _GREEN, "Retry-After": rng.choice(_RETRY_AFTER)}


def _plenty(_: float, __: random.Random) -> Mapping[str, str]:
    return {"X-RateLimit-Limit": "1000000", "X-RateLimit-Remaining": "1000000", "X-RateLimit-Reset": "60"}


def _disagreeing(_: float, rng: random.Random) -> Mapping[str, str]:
    percent = rng.uniform(10, 95)
    return {"X-Throttling-Control": _RED.replace("90", f"{percent:.0f}")}


def _lie(claim: str, regret_percent: float, model: ServerModel | None = None) -> Scenario:
    return Scenario(
        claim=claim,
        model=model or ServerModel(),
        seconds=2400,
        regret_percent=regret_percent,
        refused_percent=0,
    )


_BLOCK_FROM, _BLOCK_UNTIL = 600.0, 840.0
_BLOCKED = ServerModel(outage=lambda now: Kind.BLOCKED if _BLOCK_FROM <= now < _BLOCK_UNTIL else None)

PLAYED: Mapping[str, tuple[Scenario, Headers]] = {
    "S4": (SCENARIOS["S4"], no_headers),
    "S5": (SCENARIOS["S5"], no_headers),
    "S5/refused": (SCENARIOS["S5/refused"], no_headers),
    "S5/503": (SCENARIOS["S5/503"], no_headers),
    "S8/a": (_lie("Red (90%) for 20 minutes, though the quota is as ever", 15), _red),
    "S8/b": (_lie("Green (0%) and the text of a block, for 240 s", 100, _BLOCKED), no_headers),
    "S8/c": (_lie("Retry-After: 0, -5, 1e9, the past, an hour off, soon", 2), _odd_retry_after),
    "S8/d": (_lie("X-RateLimit-Remaining: 1000000", 2), _plenty),
    "S8/e": (_lie("no header at all", 2), no_headers),
    "S8/f": (_lie("instances that say anything from 10 to 95 %", 15), _disagreeing),
}
USUAL: Mapping[str, Callable[[], Client]] = {
    "window log": WindowLog,
    "bucket": lambda: Bucket(honours_retry_after=False),
    "bucket, Retry-After": lambda: Bucket(honours_retry_after=True),
    "AWS adaptive": AwsAdaptive,
    "AIMD": Aimd,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One play.

    ``wasted`` are requests of an outage or a block; ``late_seconds`` passed from its end to the first rows.
    """

    points: float
    regret_percent: float
    refused_percent: float
    wasted: int = 0
    late_seconds: float | None = None
    openings: int = 0
    given_up: int = 0
    recovered: float | None = None


def _outages(model: ServerModel, seconds: float) -> tuple[int, int] | None:
    dark = [second for second in range(int(seconds)) if model.outage(second) is not None]
    return (dark[0], dark[-1] + 1) if dark else None


def play_one(name: str, seed: int) -> Told:
    """Play the whole client once."""
    scenario, headers = PLAYED[name]
    world = World(model=scenario.model, seconds=scenario.seconds, headers=headers, weight=WEIGHT)
    played = play_whole(world, seed, chunk=CHUNK // WEIGHT)
    told, log = score(played.result, scenario), played.log
    outage = _outages(scenario.model, scenario.seconds)
    wasted, late = 0, None
    if outage is not None:
        start, end = outage
        wasted = sum(start <= at < end for at in log.sent_at)
        late = min(at for at, _ in log.rows_at if at >= end) - end
    transitions = [each for of in played.guards.breaker.get_stats().values() for each in of.transitions]
    after_lie = [rows for at, rows in log.rows_at if _LIE_UNTIL + 300 <= at < scenario.seconds]
    recovered = None
    if name == "S8/a":
        recovered = 100 * sum(after_lie) / ((scenario.seconds - _LIE_UNTIL - 300) * 5 / 1.04 * 200)
    return Told(
        points=told.points,
        regret_percent=told.regret_percent,
        refused_percent=told.refused_percent,
        wasted=wasted,
        late_seconds=late,
        openings=sum(each.after == "open" for each in transitions),
        given_up=len(log.given_up),
        recovered=recovered,
    )


def play_usual(name: str, client: str, seed: int) -> Told:
    """Play one of the usual ways once."""
    scenario, _ = PLAYED[name]
    told = score(play(USUAL[client](), scenario, random.Random(f"{seed} server")), scenario)
    return Told(points=told.points, regret_percent=told.regret_percent, refused_percent=told.refused_percent)


def _figures(plays: list[Told]) -> str:
    points = [told.points for told in plays]
    return (
        f"{statistics.fmean(points):.1f} | {min(points):.1f}"
        f" | {statistics.fmean(told.regret_percent for told in plays):.2f}"
        f" | {statistics.fmean(told.refused_percent for told in plays):.2f}"
    )


def _further(plays: list[Told]) -> str:
    parts = [
        f"{sum(told.openings for told in plays)} openings",
        f"{sum(told.given_up for told in plays)} given up",
    ]
    late = [told.late_seconds for told in plays if told.late_seconds is not None]
    if late:
        parts.append(f"{max(told.wasted for told in plays)} wasted at most")
        parts.append(f"first rows {max(late):.1f} s after at most")
    recovered = [told.recovered for told in plays if told.recovered is not None]
    if recovered:
        parts.append(f"{min(recovered):.1f} % five minutes after at least")
    return ", ".join(parts)


def rows(names: list[str], seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| scenario | client | seeds | mean | worst | regret % | refused % | goal % | and |"
    yield "|---|---|---|---|---|---|---|---|---|"
    with ProcessPoolExecutor() as pool:
        for name in names:
            plays = list(pool.map(partial(play_one, name), range(seeds)))
            goal = PLAYED[name][0].regret_percent
            figures = f"{_figures(plays)} | ≤ {goal:g} | {_further(plays)}"
            yield f"| {name} | cryoasync | {seeds} | {figures} |"
            for client in USUAL:
                usual = list(pool.map(partial(play_usual, name, client), range(seeds)))
                yield f"| {name} | {client} | {seeds} | {_figures(usual)} | | |"


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="troubles", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--scenario", action="append", choices=PLAYED, help="by default all")
    given = parser.parse_args()
    for line in rows(given.scenario or list(PLAYED), given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
