"""Which compounds are likely to fail, learned from those that did.

Only what is known before a compound is asked for counts: its number, what became of its neighbours, and the hour
at the source. With how many others it was asked for does not: every culprit was found alone.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.logistic_model import LogisticModel, Reliability

BLOCK_BITS = (6, 10, 14)
"""Neighbours are those that share all but so many bits of their number."""

BLOCKS_KEPT = 20_000
BELIEVED_SEEN = 200.0
"""What a block must show before it tells more than all of them together."""

FEATURES = len(BLOCK_BITS) + 3
WORTH_IT = 0.02
"""The part of the requests that must be expected to be saved before what is foretold is used."""

CULPRITS_BEFORE_USE = 20
REQUESTS_OF_A_CULPRIT = 10.0
KEPT_OF_GAIN = 0.998
FORETOLD_BY_BASE_RATE = 5.0
"""How many times as probable as in the mean something must be to count as foretold."""


@dataclass(slots=True)
class _Blocks:
    """How many compounds of a block were seen, and how many of those failed."""

    bits: int
    counts: OrderedDict[int, list[float]] = field(default_factory=OrderedDict)

    def add(self, number: int, seen: float, failed: float) -> None:
        block = number >> self.bits
        counts = self.counts.setdefault(block, [0.0, 0.0])
        counts[0] += seen
        counts[1] += failed
        self.counts.move_to_end(block)
        if len(self.counts) > BLOCKS_KEPT:
            self.counts.popitem(last=False)

    def feature(self, number: int, base_rate: float) -> float:
        counts = self.counts.get(number >> self.bits)
        if counts is None:
            return 0.0
        rate = (counts[1] + BELIEVED_SEEN * base_rate) / (counts[0] + BELIEVED_SEEN)
        return max(-3.0, min(6.0, math.log(rate / base_rate)))


class CategoryRisk:
    """How likely one kind of failure is, compound by compound."""

    def __init__(self) -> None:
        """Know nothing."""
        self.reliability = Reliability()
        self._model = LogisticModel(FEATURES)
        self._blocks = [_Blocks(bits) for bits in BLOCK_BITS]
        self._seen = self._failed = 0.0
        self._saved = self._requests = 0.0

    @property
    def base_rate(self) -> float:
        """How often it happens, over all."""
        return (self._failed + 0.1) / (self._seen + 1_000.0)

    @property
    def gain(self) -> float:
        """The part of the requests that dividing by what is foretold would have saved of late."""
        return self._saved / self._requests if self._requests else 0.0

    @property
    def is_used(self) -> bool:
        """Whether it is worth to divide by what is foretold."""
        return self._failed >= CULPRITS_BEFORE_USE and self.gain > WORTH_IT

    def probability(self, number: int, hour: float) -> float:
        """Return how likely the compound of this number fails."""
        return self._model.probability(self._features(number, hour))

    def probabilities(self, numbers: Sequence[int], hour: float) -> list[float]:
        """Return the same for many at once: neighbours share most of what is reckoned."""
        by_neighbours: dict[int, float] = {}
        told = []
        for number in numbers:
            block = number >> BLOCK_BITS[0]
            if block not in by_neighbours:
                by_neighbours[block] = self.probability(number, hour)
            told.append(by_neighbours[block])
        return told

    def passed(self, number: int, hour: float, ids: int, batches: float = 1.0) -> None:
        """Learn from one of so many compounds that passed together; it stands for all of so many batches."""
        self._count(0.0, batches)
        self._learn(number, hour, failed=False, times=ids * batches)

    def blamed(self, number: int, hour: float, batch: Sequence[int]) -> None:
        """Learn from the culprit of a batch: what is foretold is worth how much it stands out there, in doublings."""
        foretold = self.probabilities(batch, hour)
        share = self.probability(number, hour) / (math.fsum(foretold) or 1.0)
        doublings = math.log2(max(1e-9, share * len(batch))) if batch else 0.0
        self._count(max(-3.0, doublings), REQUESTS_OF_A_CULPRIT)
        self._learn(number, hour, failed=True, times=1.0)

    def _count(self, saved: float, requests: float) -> None:
        self._saved = KEPT_OF_GAIN**requests * self._saved + saved
        self._requests = KEPT_OF_GAIN**requests * self._requests + requests

    def _learn(self, number: int, hour: float, *, failed: bool, times: float) -> None:
        features = self._features(number, hour)
        self.reliability.add(self._model.probability(features), happened=failed, times=times)
        self._model.learn(features, happened=failed, times=times)
        self._seen += times
        self._failed += failed
        for blocks in self._blocks:
            blocks.add(number, times, failed)

    def to_json(self) -> dict[str, Any]:
        """Return how good it is, as JSON values."""
        told = self.reliability
        precision, recall = told.precision_and_recall(FORETOLD_BY_BASE_RATE * self.base_rate)
        return {
            "failed": self._failed,
            "seen": self._seen,
            "calibration_error": told.calibration_error,
            "area_under_curve": told.discrimination,
            "precision": precision,
            "recall": recall,
            "expected_gain": self.gain,
            "is_used": self.is_used,
        }

    def _features(self, number: int, hour: float) -> list[float]:
        base_rate = self.base_rate
        angle = 2 * math.pi * hour / 24
        return [
            *(blocks.feature(number, base_rate) for blocks in self._blocks),
            math.log10(max(1, number)) / 4 - 1,
            math.sin(angle),
            math.cos(angle),
        ]


class CompoundRisk:
    """The risks of one endpoint, by kind of failure; a kind is learned from its first failure on."""

    def __init__(self) -> None:
        """Know nothing."""
        self._categories: dict[ErrorCategory, CategoryRisk] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody failed yet, so that there is nothing to learn."""
        return not self._categories

    def probabilities(
        self, source_ids: Sequence[str], hour: float, *, only_used: bool = False
    ) -> Mapping[ErrorCategory, list[float]]:
        """Return for each kind of failure how likely each compound meets it."""
        numbers = [_number(source_id) for source_id in source_ids]
        return {
            category: risk.probabilities(numbers, hour)
            for category, risk in self._categories.items()
            if risk.is_used or not only_used
        }

    def passed(self, source_id: str, hour: float, ids: int, batches: float = 1.0) -> None:
        """Learn from one of so many compounds that passed together; it stands for all of so many batches."""
        for risk in self._categories.values():
            risk.passed(_number(source_id), hour, ids, batches)

    def blamed(self, source_id: str, hour: float, category: ErrorCategory, batch: Sequence[str]) -> None:
        """Learn from a compound found to fail, one of ``batch``."""
        risk = self._categories.setdefault(category, CategoryRisk())
        risk.blamed(_number(source_id), hour, [_number(each) for each in batch])

    def to_json(self) -> dict[str, Any]:
        """Return how good each is, as JSON values."""
        return {str(category): risk.to_json() for category, risk in self._categories.items()}


def _number(source_id: str) -> int:
    digits = "".join(character for character in source_id if character.isdigit())
    return int(digits[:18]) if digits else 0
