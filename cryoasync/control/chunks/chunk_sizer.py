"""How many ids to put into one request: the size that brings most compounds a second of what may be used.

Each endpoint's time is a line over the size, its failures a rate an id; both are learned from answers. A choice
draws them from what is believed of them and takes the best size for the draw (Thompson sampling), so that what
is uncertain is tried as often as it may be true. A chunk is one request to each endpoint, so that one size serves
all: their times and hazards add up.
"""

import random
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

from cryoasync.control.chunks.chunk_choice import Budget, ChunkChoice, EndpointCost, best_size
from cryoasync.control.chunks.chunk_explanation import ChunkExplanation, explained
from cryoasync.control.chunks.endpoint_knowledge import EndpointKnowledge
from cryoasync.control.chunks.half_hours import HalfHour, HalfHourTable, half_hour_of
from cryoasync.control.chunks.size_ceiling import SizeCeiling
from cryoasync.control.troubles.error_category import ErrorCategory

SIZES = (
    5,
    8,
    12,
    18,
    25,
    35,
    50,
    65,
    80,
    100,
    120,
    140,
    160,
    180,
    200,
    250,
    300,
    350,
    400,
    450,
    500,
    600,
    750,
)
SIZES_ABOVE = (1000, 1300, 1700, 2200, 2800, 3600, 4700, 6000, 7700)

FIRST_ANSWERS = 20
"""Answers until which sizes are chosen without a model: half as many ids after each chunk too big, and a few more
after each good answer."""
FIRST_STEPS = 10
"""Good answers in a row that bring the size back from nothing to the largest."""

SUSPECTED = 0.25
"""What a failure counts whose cause may be the size, or anything else."""

SUSPECTS = frozenset({ErrorCategory.OVERLOADED, ErrorCategory.UNREACHABLE})
GOOD = frozenset({None, ErrorCategory.INCOMPLETE})
"""Answers with rows; that some lack has nothing to do with the size."""

SLOW_SHARE = 0.5
"""A request that was expected to take this part of the longest time, and then took it all, was too large. So was
the second in a row, whatever was expected: one alone may hang."""

UNTRIED_AT_MOST = 2
"""Chunks under way at a time of sizes that no answer is known of."""

RECENT_CHOICES = 64
"""Choices after which a chunk of an untried size is no longer waited for: the cache may have answered it."""

SMALLEST_SHARE = 0.75
"""An answer about fewer ids than this part of any recent choice is a rest or half a chunk, and teaches nothing."""


@dataclass(frozen=True, slots=True)
class _Answer:
    endpoint: str
    ids: int
    failed: float
    seconds: float | None


class AdaptiveChunkSizer:
    """Sizes between two bounds, the largest first; plain decisions without I/O.

    ``budget`` tells what may be used at the moment of a choice, ``table`` what earlier runs learned.
    """

    def __init__(
        self,
        minimum: int,
        maximum: int,
        *,
        budget: Callable[[], Budget],
        rng: random.Random,
        table: HalfHourTable | None = None,
    ) -> None:
        """Stay within ``minimum`` and ``maximum``, both included."""
        inside = {size for size in SIZES + SIZES_ABOVE if minimum < size < maximum}
        self._sizes = tuple(sorted(inside | {minimum, maximum}))
        self._budget = budget
        self._rng = rng
        self._knowledge = EndpointKnowledge(table or HalfHourTable(), maximum)
        self._ceiling = SizeCeiling(maximum)
        self._first_size = float(maximum)
        self._first_answers = FIRST_ANSWERS if table is None or not table.latest else 1
        self._late_in_a_row = 0
        self._answers: deque[_Answer] = deque()
        self._learned = 0
        self._tried: set[int] = set()
        self._untried: deque[tuple[int, int]] = deque()
        self._recent: deque[int] = deque(maxlen=RECENT_CHOICES)
        self._least_taught_by = 0.0
        self._choices = 0
        self.last_choice: ChunkChoice | None = None

    def record_result(
        self,
        chunk_size: int,
        success_rate: float,
        response_time: float,
        error_type: ErrorCategory | None,
        endpoint: str,
    ) -> None:
        """Take in an answer to ``chunk_size`` ids, to be learned from before the next choice.

        A failure that is the size's counts in full, one that may be counts in part, and others not at all.
        """
        if chunk_size < self._least_taught_by:
            return
        longest_seconds = (self.last_choice.budget if self.last_choice else self._budget()).longest_seconds
        is_late = response_time >= longest_seconds
        self._late_in_a_row = self._late_in_a_row + 1 if is_late else 0
        if error_type in GOOD:
            self._answers.append(_Answer(endpoint, chunk_size, 0.0, response_time))
            self._ceiling.succeeded(self._asked_size(chunk_size))
            self._first_size = min(self._sizes[-1], self._first_size + self._sizes[-1] / FIRST_STEPS)
            return
        expected_seconds = self._knowledge.expected_seconds(endpoint, chunk_size)
        is_slow = expected_seconds >= SLOW_SHARE * longest_seconds or self._late_in_a_row > 1
        failed = 1.0 - success_rate
        if error_type is ErrorCategory.TOO_BIG or (error_type in SUSPECTS and is_late and is_slow):
            seconds = response_time if is_late else None
            self._answers.append(_Answer(endpoint, chunk_size, failed, seconds))
            self._ceiling.failed(self._asked_size(chunk_size))
            self._first_size = max(self._sizes[0], min(self._first_size, chunk_size / 2))
        elif error_type in SUSPECTS:
            self._answers.append(_Answer(endpoint, chunk_size, SUSPECTED * failed, None))

    def get_next_chunk_size(self, time_of_day: time, day_of_week: int) -> int:
        """Choose the size of the next chunk, at a moment in the source's own time; Monday is day 0."""
        half_hour = half_hour_of(time_of_day, day_of_week)
        self._knowledge.enter(half_hour)
        self.train_model()
        self.last_choice = choice = self._choose(half_hour)
        self._choices += 1
        self._recent.append(choice.size)
        self._least_taught_by = SMALLEST_SHARE * min(self._recent)
        if choice.size not in self._tried:
            self._untried.append((self._choices, choice.size))
        return choice.size

    def train_model(self) -> None:
        """Learn from the answers that came since the last time."""
        while self._answers:
            answer = self._answers.popleft()
            self._knowledge.record(answer.endpoint, answer.ids, answer.failed, answer.seconds)
            self._learned += 1
            self._tried.add(self._asked_size(answer.ids))

    def learned(self) -> HalfHourTable:
        """Return all that was learned so far, by earlier runs and by this one."""
        return self._knowledge.learned()

    def explanation(self) -> ChunkExplanation | None:
        """Return why the last choice was made, and what the others promise; ``None`` before there was one."""
        if self.last_choice is None:
            return None
        largest = self._sizes[-1]
        return explained(
            self.last_choice,
            self._sizes,
            worse=self._knowledge.shifted(1.0, largest),
            better=self._knowledge.shifted(-1.0, largest),
        )

    def _choose(self, half_hour: HalfHour) -> ChunkChoice:
        budget = self._budget()
        drawn: tuple[EndpointCost, ...] = ()
        if self._learned >= self._first_answers:
            drawn = self._knowledge.drawn(self._rng)
        if drawn:
            sizes = self._safe_to_try(self._sizes_below(self._ceiling.size))
        else:
            sizes = self._sizes_below(self._first_size)
        return ChunkChoice(
            size=best_size(sizes, drawn, budget),
            sizes=sizes,
            budget=budget,
            drawn=drawn,
            expected=self._knowledge.expected(),
            half_hour=half_hour,
        )

    def _sizes_below(self, largest: float) -> tuple[int, ...]:
        return (
            self._sizes if largest >= self._sizes[-1] else self._sizes[: bisect_right(self._sizes, largest)]
        )

    def _asked_size(self, ids: int) -> int:
        """Return the size of the chunk that so many ids were left of.

        The cache may know some of a chunk, and some may not be there, so that fewer are asked for.
        """
        return self._sizes[min(bisect_left(self._sizes, ids), len(self._sizes) - 1)]

    def _safe_to_try(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Return only tried ones of ``sizes`` while two of others are under way."""
        untried = self._untried
        while untried and (untried[0][0] <= self._choices - RECENT_CHOICES or untried[0][1] in self._tried):
            untried.popleft()
        if len(untried) < UNTRIED_AT_MOST:
            return sizes
        return tuple(size for size in sizes if size in self._tried) or sizes
