"""A bound of a minute, on requests or on running time: found, told apart from others, kept to, and felt upward."""

import heapq
import random
from itertools import count

import pytest

from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.minute_limit import MinuteLimit
from cryoasync.control.rate.permit_ledger import nanoseconds
from cryoasync.control.rate.permit_log import PermitLog
from cryoasync.control.rate.rate_belief import Load, RateBelief
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.control.rate.sendings import Outcome, Sending, Sendings

LIMIT = 5
POLICY = RatePolicy(
    counts=(CountWindow(limit=LIMIT, seconds=1.0), CountWindow(limit=400, seconds=60.0)),
    running_time=RunningTimeWindow(limit_seconds=300.0, seconds=60.0),
)
RESERVED_SECONDS = 1.2
BEFORE, BEHIND = 300.0, 1500.0
"""When a bound is cut, and when the play ends."""


def test_a_bound_is_what_was_let_in_before_a_refusal_and_grows_with_what_is_let_in() -> None:
    minute = MinuteLimit(300, unit=1)
    minute.refused(151, 30.1, 20.0, anew=True, alone=False)
    assert [minute.limit(at) for at in (30.1, 50.0, 50.1)] == [150, 150, 153]
    minute.accepted(151)
    assert minute.limit(50.2) == 157, "twice the step"


def test_a_bound_gone_is_the_policy_again() -> None:
    minute = MinuteLimit(10, unit=1)
    minute.refused(2, 1.0, 0.0, anew=True, alone=False)
    for level in range(2, 12):
        minute.accepted(level)
    assert (minute.limit(20.0), minute.feel_at) == (10, float("inf"))


def test_a_bit_tighter_it_is_the_bound_and_far_below_it_is_something_else() -> None:
    minute = MinuteLimit(300, unit=1)
    minute.refused(201, 0.0, 20.0, anew=True, alone=False)
    minute.refused(196, 1.0, 20.0, anew=False, alone=False)
    assert minute.limit(2.0) == 195
    minute.refused(100, 3.0, 20.0, anew=False, alone=False)
    assert minute.limit(4.0) == 195


def test_where_even_a_single_request_is_refused_the_minute_empties_before_the_next_try() -> None:
    minute = MinuteLimit(300.0, unit=0.0)
    tried = [280.0]
    while tried[-1] > 150.0:
        minute.refused(tried[-1], 0.0, 20.0, anew=len(tried) == 1, alone=True)
        tried.append(minute.limit(1.0))
    assert len(tried) < 10
    minute.accepted(tried[-1])
    assert minute.limit(2.0) == tried[-2], "what was refused last is the bound"


def test_running_time_leaves_the_minute_a_second_a_second_and_what_is_refused_was_never_in_it() -> None:
    sendings = Sendings(0.04)
    first, refused, last = sendings.add(0.0), sendings.add(10.0), sendings.add(64.0)
    first.running_seconds, last.running_seconds = 10.0, 2.0
    refused.outcome = Outcome.REFUSED
    assert (sendings.minute(last).running_seconds, sendings.minute(last).requests) == (8.0, 1)
    assert sendings.minute(sendings.add(69.0)).running_seconds == pytest.approx(1.0 + 2.0 + 0.5)


def test_a_suspicion_proves_itself_by_what_is_refused_beyond_the_bound_and_only_there() -> None:
    belief = RateBelief(LIMIT, bounds=2)
    for _ in range(20):
        belief.update(Load(5, 5), refused=False)
    belief.suspect_bounds()
    assert sum(belief.bounded) < 0.01
    for _ in range(4):
        belief.update(Load(4, 4), refused=False, beyond=[False, False])
        belief.update(Load(4, 4), refused=True, beyond=[True, False])
    assert belief.bounded[0] > 0.9
    assert belief.bounded[1] < 0.01
    assert belief.of_limits()[LIMIT] > 0.9
    for _ in range(5):
        belief.update(Load(4, 4), refused=False, beyond=[True, False])
    assert sum(belief.bounded) < 0.1
    assert sum(belief.cells) == pytest.approx(1.0)


class Source:
    """A source that counts by the minute, asked as fast as the log of permits allows under what is decided.

    Answers take from half a second to 1.4.
    """

    def __init__(self) -> None:
        self.requests = 400
        self.running_seconds = 300.0
        self.now = 0.0
        self.refused_at: list[float] = []
        self.let_in: list[tuple[float, float]] = []
        self.limiter = IntelligentRateLimiter(
            LIMIT, HourTable(), guard_seconds=POLICY.guard_seconds, running_limit_seconds=300.0
        )
        self._log = PermitLog(POLICY)
        self._rng = random.Random(1)
        self._numbers = count()
        self._answers: list[tuple[float, float, int, Sending]] = []

    def play(self, until: float) -> None:
        """Ask as often as is allowed."""
        while self.now < until:
            self.now += 0.05
            while self._answers and self._answers[0][0] <= self.now:
                at, seconds, number, sending = heapq.heappop(self._answers)
                self._log.settle(number, nanoseconds(seconds))
                sending.running_seconds = seconds
                self.limiter.accepted(sending, at)
            if self._may_ask():
                self._ask()

    def _may_ask(self) -> bool:
        policy = POLICY.limited_to(self.limiter.rate(self.now))
        policy = policy.limited_in_a_minute(self.limiter.minute_limit(self.now))
        policy = policy.limited_in_running_time(self.limiter.running_limit_seconds(self.now))
        if policy != self._log.policy:
            self._log = self._log.under(policy)
        now = nanoseconds(self.now)
        self._log.forget(now)
        return self._log.earliest(now, nanoseconds(RESERVED_SECONDS)) <= now

    def _ask(self) -> None:
        sending, number, held = self.limiter.sent(self.now), next(self._numbers), self._held()
        self._log.reserve(number, nanoseconds(self.now), nanoseconds(RESERVED_SECONDS))
        if len(held) >= self.requests or sum(held) >= self.running_seconds:
            self.refused_at.append(self.now)
            self._log.settle(number, 0)
            self.limiter.refused(sending, self.now + 0.05, None)
            return
        seconds = self._rng.uniform(0.5, 1.4)
        self.let_in.append((self.now, seconds))
        heapq.heappush(self._answers, (self.now + seconds, seconds, number, sending))

    def _held(self) -> list[float]:
        return [seconds for at, seconds in self.let_in[-400:] if at > self.now - 60.0]


def test_a_source_that_refuses_everything_is_asked_ever_more_rarely_and_found_again_when_it_is_back() -> None:
    source = Source()
    source.play(BEFORE)
    source.requests = 0
    source.play(900.0)
    assert len(source.refused_at) < 60
    assert len([at for at in source.refused_at if at > 600.0]) in range(2, 12)
    source.requests = 400
    source.play(1200.0)
    assert len([at for at, _ in source.let_in if at > 1140.0]) > 0.9 * 60 * LIMIT / 1.04


def test_answers_that_take_no_time_divide_by_nothing() -> None:
    limiter = IntelligentRateLimiter(LIMIT, HourTable(), guard_seconds=0.04, running_limit_seconds=300.0)
    for number in range(1000):
        sending = limiter.sent(now := number * 0.25)
        if number < 800:
            sending.running_seconds = 0.0
            limiter.accepted(sending, now)
        else:
            limiter.refused(sending, now, None)
    assert limiter.rate(250.0) >= 1


def test_a_lowered_number_of_requests_a_minute_is_found_and_kept_to() -> None:
    source = Source()
    source.play(BEFORE)
    source.requests = 150
    source.play(BEHIND)
    assert source.limiter.minute_limit(source.now) is not None
    last = [at for at, _ in source.let_in if at > 600.0]
    assert len(last) > 0.96 * 150 * 15
    assert len([at for at in source.refused_at if at > 600.0]) < 0.02 * len(last)


def test_lowered_running_time_is_seen_as_what_it_is_and_kept_to() -> None:
    source = Source()
    source.play(BEFORE)
    source.running_seconds = 150.0
    source.play(BEHIND)
    assert source.limiter.minute_limit(source.now) is None
    limit = source.limiter.running_limit_seconds(source.now)
    assert limit == pytest.approx(150.0, rel=0.05)
    last = [seconds for at, seconds in source.let_in if at > 600.0]
    assert sum(last) > 0.94 * 150.0 * 15
    assert len([at for at in source.refused_at if at > 600.0]) < 0.02 * len(last)


def test_a_bound_cut_to_half_is_found_by_few_refusals_while_the_minute_empties() -> None:
    source = Source()
    source.play(BEFORE)
    source.running_seconds = 150.0
    source.play(BEFORE + 60.0)
    assert 0 < len(source.refused_at) < 16


def test_a_bound_that_is_gone_is_noticed_within_two_minutes() -> None:
    source = Source()
    source.play(BEFORE)
    source.running_seconds = 150.0
    source.play(900.0)
    source.running_seconds = 300.0
    source.play(1100.0)
    last = [at for at, _ in source.let_in if at > 1040.0]
    assert len(last) > 0.95 * 60 * LIMIT / 1.04
