"""How many requests may be under way at a source that states no quota.

Below its knee a source answers as fast as ever and one request more is one answer more; above it everybody waits
and less comes out. The limiter stands at a number, tries its neighbours now and then, and goes where more good
answers come, in time normalised by the size of the question. Plain decisions: every method takes a clock's reading.
"""

import math
from dataclasses import dataclass

from cryoasync.control.chunks.time_model import TimeModel
from cryoasync.control.concurrency.concurrency_trial import Trial, Verdict
from cryoasync.control.concurrency.lateness import Lateness

FIRST_UNDER_WAY = 4
DECREASE = 0.7
"""What a refusal, a row of lost requests, or answers that became slow leave of the number."""

SLOW = 1.5
"""The smoothed residual beyond which answers became slow, and fewer requests are tried at once."""
SMOOTHING = 0.1

FIRST_PAUSE_ANSWERS = 60
LONGEST_PAUSE_ANSWERS = 1200
"""Answers between two trials that change nothing; doubled from the first to the second."""

LOST_IN_A_ROW = 3
OVERDUE_SHARE = 0.25
"""A request that takes longer than nearly all others hangs and loads nobody: another may go out in its place, for a
quarter of the number at most, since a source on which everything is late is overloaded."""

SHORTEST_DEADLINE_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Call:
    """A request under way: when it began, about how many ids, and in which turn of the limiter."""

    sent_at: float
    ids: int
    overdue_at: float
    turn: int
    is_full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyState:
    """How the limiter stands.

    Attributes:
        under_way: requests under way that count.
        limit: how many may be.
        tried: the number that a trial compares it with; ``None`` outside of one.
        residual: how many times the expected recent answers took.
        refused: refusals and rows of lost requests so far, each an event that made the number smaller.
    """

    under_way: int
    limit: int
    tried: int | None
    residual: float
    refused: int


class ConcurrencyLimiter:
    """Between ``minimum`` and ``maximum`` requests under way, wherever most good answers come."""

    def __init__(self, minimum: int = 1, maximum: int = 16, *, timeout_seconds: float = math.inf) -> None:
        """Begin low; a request that hangs is given up after ``timeout_seconds`` at the latest."""
        self._minimum = minimum
        self._maximum = maximum
        self._timeout_seconds = timeout_seconds
        self._limit = max(minimum, min(maximum, FIRST_UNDER_WAY))
        self._times = TimeModel()
        self._calls: set[Call] = set()
        self._turn = self._heeds_from_turn = 0
        self._unsettled = 0
        self._trial: Trial | None = None
        self._goes_up = True
        self._pause = FIRST_PAUSE_ANSWERS / 2
        self._answers_to_trial = 0.0
        self._residual = 1.0
        self._lost_in_a_row = 0
        self._refused = 0
        self._answers_since_retreat: float = math.inf
        self._retreat_pause: float = FIRST_PAUSE_ANSWERS
        self._lateness = Lateness()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return self._limit if self._trial is None else self._trial.under_way

    def state(self, now: float) -> ConcurrencyState:
        """Return how it stands."""
        return ConcurrencyState(
            under_way=self._under_way(now),
            limit=self._limit,
            tried=None if self._trial is None else self._trial.other,
            residual=self._residual,
            refused=self._refused,
        )

    def can_send(self, now: float) -> bool:
        """Whether one more request may go out."""
        return self._under_way(now) < self.limit

    def changes_at(self, now: float) -> float:
        """Return when one more may go out by time alone; infinite where an answer must come first."""
        return min((call.overdue_at for call in self._calls if call.overdue_at > now), default=math.inf)

    def sent(self, now: float, ids: int) -> Call:
        """Note a request for ``ids`` ids; its outcome is told with what is returned."""
        overdue_at = now + self._lateness.overdue * self._times.line.seconds(ids)
        is_full = self._under_way(now) + 1 >= self.limit
        call = Call(now, ids, overdue_at, self._turn, is_full)
        self._calls.add(call)
        return call

    def deadline_seconds(self, ids: int) -> float:
        """Return how long an answer about ``ids`` is worth waiting for: a request that hangs ends here."""
        seconds = self._lateness.patience * self._times.line.seconds(ids)
        return min(self._timeout_seconds, max(SHORTEST_DEADLINE_SECONDS, seconds))

    def answered(self, call: Call, seconds: float) -> None:
        """Learn from a good answer, which took ``seconds``."""
        self._calls.discard(call)
        self._lost_in_a_row = 0
        self._answers_since_retreat += 1
        residual = self._times.record(call.ids, seconds)
        self._lateness.add(residual, is_answer=True)
        self._residual += SMOOTHING * (residual - self._residual)
        if not self._counts(call):
            return
        if self._trial is None:
            self._wait_for_a_trial()
        elif self._trial.answered(residual):
            self._begin_turn()
        self._judge()

    def failed(self, call: Call) -> None:
        """Learn from a failure of the server's, which took no time worth learning."""
        self._calls.discard(call)
        if self._counts(call) and self._trial is not None:
            if self._trial.failed():
                self._begin_turn()
            self._judge()

    def refused(self, call: Call) -> None:
        """Make way because the source refused for policy reasons; what was sent before is the same event."""
        self._calls.discard(call)
        if call.turn >= self._heeds_from_turn:
            self._retreat()

    def lost(self, call: Call, seconds: float) -> None:
        """Note a request that was given up after ``seconds`` without an answer."""
        self._calls.discard(call)
        self._lateness.add(seconds / self._times.line.seconds(call.ids), is_answer=False)
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= LOST_IN_A_ROW and call.turn >= self._heeds_from_turn:
            self._retreat()

    def withdrawn(self, call: Call) -> None:
        """Forget a request that was not sent, or cancelled."""
        self._calls.discard(call)

    def _under_way(self, now: float) -> int:
        overdue = sum(call.overdue_at <= now for call in self._calls)
        return len(self._calls) - min(overdue, max(1, int(OVERDUE_SHARE * self._limit)))

    def _counts(self, call: Call) -> bool:
        """Whether a request tells of the number in turn: sent in it, at its full, after the others had left."""
        if call.turn != self._turn or not call.is_full:
            return False
        self._unsettled -= 1
        return self._unsettled < 0

    def _begin_turn(self) -> None:
        self._turn += 1
        self._unsettled = self.limit

    def _wait_for_a_trial(self) -> None:
        self._answers_to_trial -= 1
        if self._residual > SLOW:
            self._residual = 1.0
            self._try(max(self._minimum, int(DECREASE * self._limit)))
        elif self._answers_to_trial <= 0:
            self._try(self._limit + (1 if self._goes_up else -1))

    def _try(self, other: int) -> None:
        if other == self._limit or not self._minimum <= other <= self._maximum:
            self._end_trial(changed=False)
            return
        self._trial = Trial(self._limit, other)
        self._begin_turn()

    def _judge(self) -> None:
        if self._trial is None or (verdict := self._trial.verdict()) is Verdict.UNDECIDED:
            return
        if verdict is Verdict.TAKE:
            self._goes_up = self._trial.other > self._limit
            self._limit = self._trial.other
        self._end_trial(changed=verdict is Verdict.TAKE)

    def _end_trial(self, *, changed: bool) -> None:
        """Go on in the same direction after a success; else turn round, and wait longer each time."""
        self._trial = None
        if changed:
            self._pause = FIRST_PAUSE_ANSWERS / 2
            self._answers_to_trial = FIRST_PAUSE_ANSWERS / 4
        else:
            self._goes_up = not self._goes_up
            self._answers_to_trial = self._pause = min(LONGEST_PAUSE_ANSWERS, 2 * self._pause)
        self._begin_turn()

    def _retreat(self) -> None:
        """Make the number smaller, and go up again soon; later, where that is refused again."""
        is_again = self._answers_since_retreat < LONGEST_PAUSE_ANSWERS
        self._retreat_pause = min(
            LONGEST_PAUSE_ANSWERS, 2 * self._retreat_pause if is_again else FIRST_PAUSE_ANSWERS
        )
        self._refused += 1
        self._lost_in_a_row = self._answers_since_retreat = 0
        self._limit = max(self._minimum, int(DECREASE * self._limit))
        self._trial, self._goes_up = None, True
        self._pause = FIRST_PAUSE_ANSWERS / 2
        self._answers_to_trial = self._retreat_pause
        self._begin_turn()
        self._heeds_from_turn = self._turn
