"""How often a request fails because of its size: failures an id, learned from answers.

A Gamma belief about a rate. What is older weighs less, and when failures become much more or much less frequent
than believed, only what was seen since then counts.
"""

import math
import random
from dataclasses import dataclass

from cryoasync.control.chunks.time_model import KEPT

FIRST_FAILURES = 0.5
FIRST_IDS = 100.0
"""What is believed before any answer, as if it had been seen."""

CHANGE_FACTOR = 8.0
FREQUENT = 0.4
"""A change is a hazard this many times as high or low; upward, one that fails so many requests at least."""

EVIDENCE = 8.0
"""The logarithm of the odds that a change must have for it."""

RAREST = 1e-3
_NEARLY_NEVER = 1e-6


@dataclass(slots=True)
class _Excursion:
    """Evidence for a change, and what was seen since it began to gather."""

    log_odds: float = 0.0
    failures: float = 0.0
    answers: int = 0
    ids: int = 0

    def add(self, log_odds: float, failures: float, ids: int) -> None:
        self.log_odds += log_odds
        self.failures += failures
        self.answers += 1
        self.ids += ids
        if self.log_odds <= 0:
            self.clear()

    def clear(self) -> None:
        self.log_odds = self.failures = 0.0
        self.answers = self.ids = 0

    def hazard(self) -> float:
        """Return the failures an id that make the part of failures seen most probable."""
        part = self.failures / (self.answers + 0.5)
        return -math.log1p(-part) * self.answers / self.ids


class HazardModel:
    """The belief about one endpoint's failures an id."""

    def __init__(self) -> None:
        """Know nothing."""
        self._failures = 0.0
        self._ids = 0.0
        self._up, self._down = _Excursion(), _Excursion()
        self.changes = 0

    @property
    def mean(self) -> float:
        """The expected failures an id."""
        return (self._failures + FIRST_FAILURES) / (self._ids + FIRST_IDS)

    @property
    def deviation(self) -> float:
        """The standard deviation of that: how little is known."""
        return math.sqrt(self._failures + FIRST_FAILURES) / (self._ids + FIRST_IDS)

    def draw(self, rng: random.Random) -> float:
        """Return a hazard as probable as it is believed in."""
        return rng.gammavariate(self._failures + FIRST_FAILURES, 1 / (self._ids + FIRST_IDS))

    def record(self, ids: int, failed: float) -> None:
        """Learn from an answer about ``ids``; ``failed`` is 0, 1, or a part where size is only suspected."""
        hazard = self.mean
        exposed = ids if not failed else (1 - failed) * ids + failed * _until_failure(hazard * ids, ids)
        self._weigh_changes(hazard, ids, failed)
        self._failures = KEPT * self._failures + failed
        self._ids = KEPT * self._ids + exposed
        for excursion in (self._up, self._down):
            if excursion.log_odds > EVIDENCE:
                self._begin_anew(excursion)
                return

    def suppose(self, hazard: float, ids: float) -> None:
        """Take for granted that so many ids would have failed at the rate of ``hazard``."""
        self._failures += hazard * ids
        self._ids += ids

    def discount(self, factor: float) -> None:
        """Let all that was learned so far weigh ``factor`` times as much."""
        self._failures *= factor
        self._ids *= factor

    def _begin_anew(self, excursion: _Excursion) -> None:
        self._failures, self._ids = excursion.failures, float(excursion.ids)
        if (hazard := excursion.hazard()) > 0:
            self._ids = excursion.failures / hazard
        self._up.clear()
        self._down.clear()
        self.changes += 1

    def _weigh_changes(self, hazard: float, ids: int, failed: float) -> None:
        now = max(RAREST, 1 - math.exp(-hazard * ids))
        more = max(FREQUENT, 1 - math.exp(-CHANGE_FACTOR * hazard * ids))
        less = 1 - math.exp(-hazard * ids / CHANGE_FACTOR)
        for excursion, changed in ((self._up, more), (self._down, less)):
            other = max(_NEARLY_NEVER, min(1 - _NEARLY_NEVER, changed))
            if excursion is self._up and other <= now:
                continue
            odds_of_failure = math.log(other / now)
            odds_of_success = math.log((1 - other) / max(_NEARLY_NEVER, 1 - now))
            excursion.add(failed * odds_of_failure + (1 - failed) * odds_of_success, failed, ids)


def _until_failure(expected: float, ids: int) -> float:
    """Return how many of ``ids`` were gone through in the mean when one failed, where ``expected`` would."""
    if expected < 1e-3:
        return ids / 2
    return ids * (1 / expected - 1 / math.expm1(min(expected, 700.0)))
