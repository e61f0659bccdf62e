"""S2: a limit that changes by the hour of the day, over four days.

``python -m benchmarks.laboratory.diurnal --seeds 2`` prints a table: each day's regret, how many requests were
refused, and how many of the steps down were taken before the source refused anything in that hour.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.laboratory.baselines import Aimd, AwsAdaptive, Bucket, WindowLog
from benchmarks.laboratory.clients import THROTTLES, Client, Cryoasync
from benchmarks.laboratory.play import play
from benchmarks.laboratory.scenarios import CHUNK, DAY, SCENARIOS, Scenario, oracle_rows
from benchmarks.laboratory.server import Answer, Kind

DAYS = 4
HOUR = 3600.0


@dataclass(slots=True)
class Steps:
    """The steps down of one day: how many there were, and how many were taken in time."""

    down: int = 0
    anticipated: int = 0


class Watched:
    """A client whose rate is looked at when the limit goes down."""

    def __init__(self, client: Client, scenario: Scenario) -> None:
        self.steps = [Steps() for _ in range(DAYS)]
        self.sent_by_day = [0] * DAYS
        self.refused_by_day = [0] * DAYS
        self.rows_by_day = [0] * DAYS
        self._client = client
        self._limit = scenario.model.limit
        self._hour = 0

    def next_send(self, now: float) -> float:
        at = self._client.next_send(now)
        if (hour := int(now // HOUR)) != self._hour:
            self._hour = hour
            self._look(now, hour)
        return at

    def sent(self, number: int, now: float) -> None:
        self.sent_by_day[_day(now)] += 1
        self._client.sent(number, now)

    def answered(self, number: int, answer: Answer, now: float) -> None:
        self.refused_by_day[_day(now)] += answer.kind in THROTTLES
        self.rows_by_day[_day(now)] += CHUNK * (answer.kind is Kind.ROWS)
        self._client.answered(number, answer, now)

    def _look(self, now: float, hour: int) -> None:
        """See whether a step down was taken, at its very beginning."""
        before, limit = self._limit(HOUR * hour - 1), self._limit(HOUR * hour)
        if limit < before and isinstance(self._client, Cryoasync):
            steps = self.steps[_day(now)]
            steps.down += 1
            steps.anticipated += self._client.rate(now) <= limit


def _day(now: float) -> int:
    return min(DAYS - 1, int(now // DAY))


CLIENTS: Mapping[str, Callable[[random.Random], Client]] = {
    "cryoasync": Cryoasync,
    "window log": lambda _: WindowLog(),
    "bucket, Retry-After": lambda _: Bucket(honours_retry_after=True),
    "AWS adaptive": lambda _: AwsAdaptive(),
    "AIMD": lambda _: Aimd(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTold:
    """One day of a play, in per cent; ``anticipated`` of the steps down, where the client is asked about them."""

    regret: float
    refused: float
    anticipated: float | None


def play_days(name: str, client: str, seed: int) -> list[DayTold]:
    """Play four days of ``name`` with a client."""
    scenario = replace(SCENARIOS[name], seconds=DAYS * DAY, scored_from=0.0)
    watched = Watched(CLIENTS[client](random.Random(f"{seed} client")), scenario)
    play(watched, scenario, random.Random(f"{seed} server"))
    told = []
    for day in range(DAYS):
        oracle = oracle_rows(replace(scenario, scored_from=day * DAY, seconds=(day + 1) * DAY))
        steps = watched.steps[day]
        told.append(
            DayTold(
                regret=100 * (1 - watched.rows_by_day[day] / oracle),
                refused=100 * watched.refused_by_day[day] / watched.sent_by_day[day],
                anticipated=100 * steps.anticipated / steps.down if steps.down else None,
            )
        )
    return told


def _row(name: str, client: str, plays: Sequence[Sequence[DayTold]]) -> str:
    cells = []
    for day in range(DAYS):
        of_day = [played[day] for played in plays]
        known = [each.anticipated for each in of_day if each.anticipated is not None]
        steps = f", {statistics.fmean(known):.0f} % of steps" if known else ""
        regret, refused = (
            statistics.fmean(getattr(each, what) for each in of_day) for what in ("regret", "refused")
        )
        cells.append(f"{regret:.2f} / {refused:.2f}{steps}")
    return f"| {name} | {client} | {len(plays)} | {' | '.join(cells)} |"


def main() -> None:
    """Print each day's regret and refusals, and the steps that were foreseen."""
    parser = argparse.ArgumentParser(prog="laboratory.diurnal", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--client", action="append", choices=CLIENTS, help="by default all")
    given = parser.parse_args()
    print("| scenario | client | seeds | day 1, regret % / refused % | day 2 | day 3 | day 4 |")
    print("|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor() as pool:
        for name in ("S2", "S2/30"):
            for client in given.client or CLIENTS:
                plays = list(pool.map(partial(play_days, name, client), range(given.seeds)))
                print(_row(name, client, plays), flush=True)


if __name__ == "__main__":
    main()
