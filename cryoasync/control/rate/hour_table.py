"""What a source's limit was like at each hour of weekdays and weekends: learned, kept, and used as a prior."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

HourSlot: TypeAlias = int
"""An hour of a weekday (0 to 23) or of a weekend (24 to 47), in the source's own time."""

WEEKEND_FROM = 24

SECONDS_A_COUNT = 600.0
"""So much time with a belief counts as one observation."""

COUNTS_TO_TRUST = 3.0
FORGETTING = 0.5
"""What is left of an hour's counts when the same hour comes again: four visits count about as much as the last two."""


def slot_of(local: datetime) -> HourSlot:
    """Return the slot of a moment, which is given in the source's own time zone."""
    return local.hour + (WEEKEND_FROM if local.weekday() >= 5 else 0)


class HourTable:
    """Mean beliefs by hour slot, each a list of probabilities."""

    def __init__(self, counts: Mapping[HourSlot, Sequence[float]] | None = None) -> None:
        """Start from the ``counts`` of an earlier table."""
        self._counts = {slot: list(cells) for slot, cells in (counts or {}).items()}

    @property
    def counts(self) -> Mapping[HourSlot, Sequence[float]]:
        """What was learned, to be kept: observations by slot and cell."""
        return self._counts

    def enter(self, slot: HourSlot) -> None:
        """Begin another visit to a slot: what was seen then weighs less than what will be."""
        if slot in self._counts:
            self._counts[slot] = [FORGETTING * cell for cell in self._counts[slot]]

    def learn(self, slot: HourSlot, cells: Sequence[float], seconds: float) -> None:
        """Add a belief that was held for ``seconds``."""
        weight = seconds / SECONDS_A_COUNT
        known = self._counts.get(slot)
        if known is None or len(known) != len(cells):
            self._counts[slot] = [weight * cell for cell in cells]
        else:
            self._counts[slot] = [old + weight * cell for old, cell in zip(known, cells, strict=True)]

    def prior(self, slot: HourSlot) -> Sequence[float] | None:
        """Return the observations at a slot, which tell of its mean belief; ``None`` before half an hour of them."""
        known = self._counts.get(slot)
        return None if known is None or sum(known) < COUNTS_TO_TRUST * FORGETTING else known
