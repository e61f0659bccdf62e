"""A chunk sizer, and a source for it whose answers take a line over the size."""

import math
import random
from datetime import time

from cryoasync.control.chunks.chunk_choice import Budget
from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.chunks.half_hours import HalfHourTable
from cryoasync.control.troubles.error_category import ErrorCategory

PUBCHEMS = Budget(requests_per_second=5.0, running_seconds_per_second=5.0, longest_seconds=25.0)
NOON = time(12, 0)
MONDAY, SATURDAY = 0, 5


def chunk_sizer(
    minimum: int = 5,
    maximum: int = 200,
    *,
    budget: Budget = PUBCHEMS,
    seed: int = 0,
    table: HalfHourTable | None = None,
) -> AdaptiveChunkSizer:
    """Return a sizer under PubChem's policy."""
    return AdaptiveChunkSizer(minimum, maximum, budget=lambda: budget, rng=random.Random(seed), table=table)


class LineSource:
    """Answers after ``slowness`` · (0.12 s + 0.004 s an id), with noise, or fails by its hazard."""

    def __init__(self, sizer: AdaptiveChunkSizer, *, endpoints: tuple[str, ...] = ("property",)) -> None:
        """Be asked for chunks of the sizes that ``sizer`` chooses."""
        self.sizer = sizer
        self.slowness = 1.0
        self.hazard = 0.0
        self.refuses_above = math.inf
        self.at = NOON
        self.chosen: list[int] = []
        self.took_seconds: list[float] = []
        self._endpoints = endpoints
        self._rng = random.Random(1)

    def answer(self, chunks: int) -> list[int]:
        """Answer so many chunks, and return their sizes."""
        for _ in range(chunks):
            size = self.sizer.get_next_chunk_size(self.at, MONDAY)
            self.chosen.append(size)
            for endpoint in self._endpoints:
                self._answer(size, endpoint)
        return self.chosen[-chunks:]

    def _answer(self, size: int, endpoint: str) -> None:
        seconds = self.slowness * (0.12 + 0.004 * size) * self._rng.lognormvariate(0, 0.25)
        self.took_seconds.append(seconds)
        is_too_big = size > self.refuses_above or self._rng.random() > math.exp(-self.hazard * size)
        if seconds >= 30:
            self.sizer.record_result(size, 0.0, 30.0, ErrorCategory.TOO_BIG, endpoint)
        elif is_too_big:
            self.sizer.record_result(size, 0.0, 0.05, ErrorCategory.TOO_BIG, endpoint)
        else:
            self.sizer.record_result(size, 1.0, seconds, None, endpoint)

    def worth(self, size: int) -> float:
        """The compounds a second that chunks of ``size`` bring in the mean."""
        seconds = len(self._endpoints) * self.slowness * (0.12 + 0.004 * size) / 5
        survival = math.exp(-len(self._endpoints) * self.hazard * size)
        return size * survival / max(len(self._endpoints) / 5, seconds)
