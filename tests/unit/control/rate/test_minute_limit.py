"""A bound on the requests of a minute: found, kept to, and felt upward."""

import random

import pytest

from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.minute_limit import MinuteLimit
from cryoasync.control.rate.rate_belief import Load, RateBelief

LIMIT = 5


def test_a_bound_is_what_was_let_in_before_a_refusal_and_grows_with_what_is_let_in() -> None:
    minute = MinuteLimit(300)
    for number in range(151):
        minute.sent(number * 0.2)
    minute.refused(30.0, 30.1, 20.0, anew=True)
    minute.take_back(30.0)
    assert [minute.limit(at) for at in (30.1, 50.0, 50.1)] == [150, 150, 153]
    minute.sent(50.2)
    minute.accepted(50.2)
    assert minute.limit(50.2) == 157, "twice the step"


def test_a_bound_gone_is_the_policy_again() -> None:
    minute = MinuteLimit(10)
    minute.sent(0.0)
    minute.sent(1.0)
    minute.refused(1.0, 1.0, 0.0, anew=True)
    for number in range(12):
        minute.sent(2.0 + number)
        minute.accepted(2.0 + number)
    assert (minute.limit(20.0), minute.feel_at) == (10, float("inf"))


def test_a_suspicion_proves_itself_by_what_is_refused_beyond_the_bound_and_only_there() -> None:
    belief = RateBelief(LIMIT)
    for _ in range(20):
        belief.update(Load(5, 5), refused=False)
    belief.suspect_bound()
    assert belief.is_bounded < 0.01
    for _ in range(3):
        belief.update(Load(4, 4), refused=False)
        belief.update(Load(4, 4), refused=True, is_beyond_bound=True)
    assert belief.is_bounded > 0.9
    assert belief.of_limits()[LIMIT] > 0.9
    for _ in range(3):
        belief.update(Load(4, 4), refused=False, is_beyond_bound=True)
    assert belief.is_bounded < 0.1
    assert sum(belief.cells) == pytest.approx(1.0)


def test_a_lowered_minute_is_found_and_kept_to() -> None:
    """The source lets 150 in within any minute, five of them in a second; soon hardly anything is refused."""
    rng = random.Random(1)
    limiter = IntelligentRateLimiter(LIMIT, HourTable(), guard_seconds=0.04)
    sent: list[float] = []
    let_in: list[float] = []
    refused: list[float] = []
    now = 0.0
    while now < 1500.0:
        now += 0.05
        minute = limiter.minute_limit(now)
        within = [at for at in sent[-6:] if at > now - 1.04]
        if len(within) >= limiter.decision(now).rate or (sent and now < sent[-1] + 0.16):
            continue
        if minute is not None and sum(at > now - 60.04 for at in let_in[-400:]) >= minute:
            continue
        sent.append(now)
        sending = limiter.sent(now)
        if sum(at > now - 60.0 for at in let_in[-400:]) < 150:
            let_in.append(now)
            limiter.accepted(sending, now + rng.uniform(0.01, 0.05))
        else:
            refused.append(now)
            limiter.refused(sending, now + rng.uniform(0.01, 0.05), None)
    assert limiter.minute_limit(now) is not None
    last = [at for at in let_in if at > 900.0]
    assert len(last) > 0.93 * 150 * 10
    assert len([at for at in refused if at > 900.0]) < 0.04 * len(last)
