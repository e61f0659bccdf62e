"""What to do after an attempt that brought no rows: a decision as a value.

Nothing is given up while it stands in a batch with others: only a compound that failed alone, and more than
once, is a failure of its own. A throttle never counts against a batch.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_treatment import TREATMENTS, Cure, Treatment

LEAST_CHANCE, MOST_CHANCE = 0.001, 0.95

BLAMED_BATCH, BLAMED_HALF, BLAMED_ONE = 1e-3, 0.05, 1e-6
"""How improbable it must be that all failures were chance, for a batch, a half of a batch that is known to be
bad, and a compound to be blamed. A batch wrongly blamed costs some requests, a compound is lost."""

MOST_TRIES_IN_BATCH, MOST_TRIES_OF_HALF, MOST_TRIES_ALONE = 8, 4, 20

SECONDS_OF_ONE = 30.0
"""The least time between the first and the last failure for which a compound is blamed, where a server in
trouble fails anybody: short troubles fail whoever is asked for."""


class Decision(Enum):
    """What to do with the batch."""

    RETRY = auto()
    PROBE = auto()
    """Ask for a compound known to be there, to tell a sick host from a poisonous batch; then retry."""
    HALVE = auto()
    ISOLATE = auto()
    """Divide it to find the culprit."""
    GIVE_UP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the endpoint when a batch fails.

    Attributes:
        now: a reading of the run's clock.
        is_healthy: whether other requests passed meanwhile.
        chance: how probable it is that a request which nobody suspects fails.
        is_quick: whether a server gave up sooner than one does for which a batch is too much.
    """

    now: float
    is_healthy: bool
    chance: float
    is_quick: bool = False


_CURES: Mapping[Cure, Decision] = {Cure.HALVING: Decision.HALVE, Cure.ISOLATING: Decision.ISOLATE}


@dataclass(slots=True)
class BatchHistory:
    """What one batch met so far; ``is_known_bad`` where it, or what it is divided from, must hold a culprit."""

    size: int
    is_known_bad: bool = False
    failed_at: float = -math.inf
    errors: Counter[ErrorCategory] = field(default_factory=Counter)
    first_at: dict[ErrorCategory, float] = field(default_factory=dict)

    def decide(self, category: ErrorCategory, evidence: Evidence) -> Decision:
        """Count one more error and decide."""
        treatment = TREATMENTS[category]
        self.errors[category] += 1
        self.failed_at = evidence.now
        first_at = self.first_at.setdefault(category, evidence.now)
        if treatment.cure is Cure.WAITING or self.errors[category] < self._least_tries(treatment, evidence):
            return Decision.RETRY
        if self._needs_others_to_pass(treatment) and not evidence.is_healthy:
            return Decision.PROBE
        if self.errors[category] < self._tries(treatment, evidence.chance):
            return Decision.RETRY
        if self.size > 1:
            return _CURES[treatment.cure]
        is_short = treatment.is_chance and evidence.now - first_at < SECONDS_OF_ONE
        return Decision.RETRY if is_short else Decision.GIVE_UP

    @property
    def is_suspected(self) -> bool:
        """Whether this batch failed before, or is part of one that did: what it meets tells little of others."""
        return self.is_known_bad or bool(self.errors)

    def is_on_trial(self, category: ErrorCategory, now: float) -> bool:
        """Whether this is a compound whose next failure must be some time after its first one to count."""
        is_alone = self.size == 1 and self.errors[category] > 1 and TREATMENTS[category].is_chance
        return is_alone and now - self.first_at[category] < SECONDS_OF_ONE

    def _least_tries(self, treatment: Treatment, evidence: Evidence) -> int:
        if self.size == 1:
            return treatment.tries_alone
        if treatment.sizer and evidence.is_quick:
            return treatment.tries_in_batch + 1
        return 1 if self.is_known_bad and treatment.cure is Cure.ISOLATING else treatment.tries_in_batch

    def _tries(self, treatment: Treatment, chance: float) -> int:
        """Return how many failures it takes where a server in trouble fails anybody with this chance."""
        if not treatment.is_chance or (self.size > 1 and treatment.cure is not Cure.ISOLATING):
            return 0
        if self.size == 1:
            return min(MOST_TRIES_ALONE, _tries_until(BLAMED_ONE, chance))
        if self.is_known_bad:
            return min(MOST_TRIES_OF_HALF, _tries_until(BLAMED_HALF, chance))
        return min(MOST_TRIES_IN_BATCH, _tries_until(BLAMED_BATCH, chance))

    def _needs_others_to_pass(self, treatment: Treatment) -> bool:
        return treatment.needs_others_to_pass or (self.size == 1 and treatment.is_chance)


def _tries_until(level: float, chance: float) -> int:
    """Return how many failures in a row are less probable than ``level``."""
    chance = min(MOST_CHANCE, max(LEAST_CHANCE, chance))
    return math.ceil(math.log(level) / math.log(chance))
