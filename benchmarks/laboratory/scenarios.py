"""What the server does in each scenario, and how well a client may do there."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.laboratory.server import Kind, Schedule, ServerModel

DAY = 86_400.0
GUARD_SECONDS = 0.04
CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One server in one mood.

    Attributes:
        claim: what is played, in a line.
        model: the server.
        seconds: how long.
        scored_from: from when on rows count, so that a client may have learned.
        clock_seconds: the steps of the client's clock and timers; 0 for none.
        regret_percent: the goal: the part of the oracle's rows that may be missing.
        refused_percent: the goal: the part of the requests that may be refused.
    """

    claim: str
    model: ServerModel
    seconds: float = 3600.0
    scored_from: float = 0.0
    clock_seconds: float = 0.0
    regret_percent: float
    refused_percent: float


def between(start: float, end: float, inside: float, outside: float) -> Schedule:
    """Return a figure that is different for a while."""
    return lambda now: inside if start <= now < end else outside


def oracle_rows(scenario: Scenario) -> float:
    """Return the rows that a client gets who knows at every second what the server allows, and the coin flips not."""
    model = scenario.model
    mean = (model.base_seconds + model.seconds_an_id * CHUNK) * math.exp(model.spread**2 / 2)
    rows = 0.0
    for second in range(int(scenario.scored_from), int(scenario.seconds)):
        if model.outage(second) is not None:
            continue
        rate = min(
            (model.limit(second) - model.neighbour(second)) / (1 + GUARD_SECONDS),
            model.minute_limit(second) / (60 + GUARD_SECONDS),
            model.running_limit(second) / 60 / (mean * model.slowness(second)),
        )
        rows += rate * CHUNK * (1 - model.chance(second))
    return rows


_LIMIT_BY_SLOT = (5, 5, 4, 3, 3, 4, 5, 5)


def _by_hour(now: float) -> float:
    return _LIMIT_BY_SLOT[int(now // 10_800) % 8]


def _slow_when_low(now: float) -> float:
    return 1.5 if _by_hour(now) == 3 else 1.0


def _creep(now: float) -> float:
    return 1.0 if now >= 3600 else 1.0 + 5.0 * min(1.0, max(0.0, (now - 900) / 1800))


def _flapping(now: float) -> float:
    return 5.0 if int(now // 45) % 2 == 0 else 2.0


def _outage(kind: Kind) -> ServerModel:
    return ServerModel(outage=lambda now: kind if 900 <= now < 1500 else None)


_CUT = between(1200, 3600, 2, 5)

SCENARIOS: Mapping[str, Scenario] = {
    "S1": Scenario(claim="steady", model=ServerModel(), regret_percent=2, refused_percent=0),
    "S2": Scenario(
        claim="a limit that changes by the hour of the day, from day 2",
        model=ServerModel(limit=_by_hour, slowness=_slow_when_low),
        seconds=2 * DAY,
        scored_from=DAY,
        regret_percent=2,
        refused_percent=0.5,
    ),
    "S2/30": Scenario(
        claim="the same, and a refusal costs 30 s",
        model=ServerModel(limit=_by_hour, slowness=_slow_when_low, retry_after_seconds=30),
        seconds=2 * DAY,
        scored_from=DAY,
        regret_percent=5,
        refused_percent=0.5,
    ),
    "S3": Scenario(
        claim="the limit cut to 40 % without a word",
        model=ServerModel(limit=_CUT),
        seconds=5400,
        regret_percent=3,
        refused_percent=0.5,
    ),
    "S3/30": Scenario(
        claim="the same, and a refusal costs 30 s",
        model=ServerModel(limit=_CUT, retry_after_seconds=30),
        seconds=5400,
        regret_percent=8,
        refused_percent=0.5,
    ),
    "S3/count": Scenario(
        claim="the same, and refused requests fill the windows",
        model=ServerModel(limit=_CUT, refusals_count=True),
        seconds=5400,
        regret_percent=3,
        refused_percent=0.5,
    ),
    "S3/none": Scenario(
        claim="nothing let in for 20 minutes, without a word",
        model=ServerModel(limit=between(600, 1800, 0, 5)),
        regret_percent=5,
        refused_percent=0.5,
    ),
    "S4": Scenario(
        claim="a fifth of the requests refused by chance for 20 minutes",
        model=ServerModel(chance=between(600, 1800, 0.2, 0)),
        regret_percent=6,
        refused_percent=0,
    ),
    "S5": Scenario(
        claim="requests that hang for 10 minutes",
        model=_outage(Kind.HUNG),
        regret_percent=1.5,
        refused_percent=0,
    ),
    "S5/refused": Scenario(
        claim="connections refused for 10 minutes",
        model=_outage(Kind.REFUSED),
        regret_percent=1.5,
        refused_percent=0,
    ),
    "S5/503": Scenario(
        claim="pages of a gateway for 10 minutes",
        model=_outage(Kind.OVERLOADED),
        regret_percent=1.5,
        refused_percent=0,
    ),
    "S6": Scenario(
        claim="answers that slow down to a sixth of their speed",
        model=ServerModel(slowness=_creep),
        seconds=5400,
        regret_percent=4,
        refused_percent=0.4,
    ),
    "S9": Scenario(
        claim="a limit that flaps between 5 and 2 every 45 s",
        model=ServerModel(limit=_flapping),
        regret_percent=17,
        refused_percent=1.5,
    ),
    "S9/30": Scenario(
        claim="the same, and a refusal costs 30 s",
        model=ServerModel(limit=_flapping, retry_after_seconds=30),
        regret_percent=51,
        refused_percent=1.5,
    ),
    "S10": Scenario(
        claim="ten refusals in a minute block; a neighbour on the address takes 3 a second",
        model=ServerModel(neighbour=between(1200, 1800, 3, 0), retry_after_seconds=30, refusals_to_block=10),
        regret_percent=5,
        refused_percent=0.5,
    ),
    "S10/cut": Scenario(
        claim="ten refusals in a minute block; the limit is cut to 2 a second",
        model=ServerModel(limit=between(1200, 1800, 2, 5), retry_after_seconds=30, refusals_to_block=10),
        regret_percent=5,
        refused_percent=0.5,
    ),
    "S13": Scenario(
        claim="the minute's window alone cut from 400 to 150",
        model=ServerModel(minute_limit=between(1200, 2400, 150, 400)),
        regret_percent=100,
        refused_percent=100,
    ),
    "S14": Scenario(
        claim="the budget of running time halved",
        model=ServerModel(running_limit=between(1200, 2400, 150, 300)),
        regret_percent=100,
        refused_percent=100,
    ),
    "S15": Scenario(
        claim="bodies that take 2 s to come",
        model=ServerModel(body_seconds=2.0),
        regret_percent=100,
        refused_percent=100,
    ),
    "S16": Scenario(
        claim="a clock that moves in steps of 15 ms",
        model=ServerModel(),
        clock_seconds=0.015,
        regret_percent=100,
        refused_percent=100,
    ),
}
"""By name. A goal of 100 % is none: the figure is told."""
