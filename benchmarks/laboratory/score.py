"""What a play is worth: rows against the oracle's, refusals and blocks at a price, a broken window at any."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.laboratory.play import Result
from benchmarks.laboratory.scenarios import Scenario, oracle_rows

REFUSED_PRICE = 4.0
BLOCK_PRICE = 20.0
SECOND_LIMIT, MINUTE_LIMIT = 5, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One play, scored."""

    points: float
    regret_percent: float
    refused_percent: float
    blocks: int
    windows_exceeded: bool


def score(result: Result, scenario: Scenario, *, oracle: float | None = None) -> Score:
    """Return 100 (1 - regret) - 4 refused % - 20 blocks; minus infinity where a window of the policy was exceeded."""
    regret = 100 * (1 - result.rows / (oracle_rows(scenario) if oracle is None else oracle))
    tally = result.tally
    refused = 100 * tally.refused / max(1, tally.arrivals)
    exceeded = tally.most_in_a_second > SECOND_LIMIT or tally.most_in_a_minute > MINUTE_LIMIT
    points = 100 - regret - REFUSED_PRICE * refused - BLOCK_PRICE * tally.blocks
    return Score(
        points=-math.inf if exceeded else points,
        regret_percent=regret,
        refused_percent=refused,
        blocks=tally.blocks,
        windows_exceeded=exceeded,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The scores of many seeds."""

    mean: float
    fifth_percentile: float
    worst: float
    worst_seed: int
    regret_percent: float
    refused_percent: float
    blocks: int


def summarize(scores: Sequence[Score]) -> Summary:
    """Return mean, fifth percentile and worst of the points, and the means behind them."""
    points = [each.points for each in scores]
    ordered = sorted(points)
    return Summary(
        mean=statistics.fmean(points),
        fifth_percentile=ordered[int(0.05 * len(ordered))],
        worst=ordered[0],
        worst_seed=points.index(ordered[0]),
        regret_percent=statistics.fmean(each.regret_percent for each in scores),
        refused_percent=statistics.fmean(each.refused_percent for each in scores),
        blocks=sum(each.blocks for each in scores),
    )
