"""What is believed of a limit after what answers, and what is done about it."""

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.rate.hour_table import HourTable, slot_of
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.rate_belief import Load, RateBelief
from cryoasync.control.rate.rate_decision import Reason

LIMIT = 5
LOADS = st.integers(1, LIMIT + 1).flatmap(
    lambda sure: st.integers(sure, LIMIT + 2).map(lambda most: Load(sure, most))
)


class Source:
    """A source with a limit of its own, asked once each fifth of a second within what is decided."""

    def __init__(self, limit: int, *, retry_after_seconds: float | None = None) -> None:
        self.limit = limit
        self.now = 0.0
        self.refused = 0
        self.limiter = IntelligentRateLimiter(LIMIT, HourTable(), guard_seconds=0.04)
        self._retry_after_seconds = retry_after_seconds
        self._sent: list[float] = []
        self._accepted: list[float] = []

    def ask_for(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            recent = [at for at in self._sent if at > self.now - 1.04]
            if len(recent) < self.limiter.decision(self.now).rate:
                self._ask()
            self.now += 0.2

    def _ask(self) -> None:
        self._sent.append(self.now)
        sending = self.limiter.sent(self.now)
        if len([at for at in self._accepted if at > self.now - 1.0]) < self.limit:
            self._accepted.append(self.now)
            self.limiter.accepted(sending, self.now + 0.1)
        else:
            self.refused += 1
            self.limiter.refused(sending, self.now + 0.1, self._retry_after_seconds)
            self.now += self._retry_after_seconds or 0.0

    @property
    def rate(self) -> int:
        return self.limiter.decision(self.now).rate


@given(answers=st.lists(st.tuples(LOADS, st.booleans(), st.floats(0, 1e6)), max_size=60))
def test_the_probabilities_stay_probabilities(answers: list[tuple[Load, bool, float]]) -> None:
    belief, now = RateBelief(LIMIT), 0.0
    for load, refused, pause in answers:
        now += pause
        belief.drift(now)
        assert 0 < belief.update(load, refused=refused) <= 1 + 1e-9
        assert math.isclose(sum(belief.cells), 1.0, rel_tol=1e-9)
        assert min(belief.cells) >= 0.0
    assert 0 <= belief.failure_rate() <= 0.5


def test_refusals_above_a_count_speak_for_a_limit() -> None:
    belief = RateBelief(LIMIT)
    for _ in range(10):
        belief.update(Load(2, 2), refused=False)
        belief.update(Load(3, 3), refused=True)
    assert belief.of_limits()[2] > 0.99
    assert belief.failure_rate() < 0.01


def test_refusals_at_any_count_speak_for_chance() -> None:
    belief = RateBelief(LIMIT)
    for _ in range(30):
        belief.update(Load(5, 5), refused=False)
        belief.update(Load(1, 1), refused=False)
        belief.update(Load(1, 1), refused=True)
    assert belief.is_sure_of_chance
    assert belief.of_limits()[LIMIT] > 0.9


def test_a_long_silence_brings_the_prior_back() -> None:
    belief = RateBelief(LIMIT)
    prior = belief.cells
    for _ in range(20):
        belief.update(Load(3, 3), refused=True)
    belief.drift(0.0)
    belief.drift(1e6)
    assert belief.cells == pytest.approx(prior)


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_lower_limit_is_found_and_kept_to(limit: int) -> None:
    source = Source(limit)
    source.ask_for(60)
    assert source.limiter.decision(source.now).expected[limit] > 0.9
    assert source.rate in {limit, limit + 1}, "but for a probe"
    source.refused = 0
    source.ask_for(600)
    assert source.refused <= 600 / 8, "probes alone are refused"


def test_a_limit_that_rises_again_is_found_by_single_requests() -> None:
    source = Source(2)
    source.ask_for(120)
    source.limit = LIMIT
    source.ask_for(120)
    assert source.rate == LIMIT
    assert source.limiter.decision(source.now).reason is Reason.POLICY


def test_probes_are_rarer_where_a_refusal_is_dearer() -> None:
    cheap, dear = Source(2), Source(2, retry_after_seconds=30.0)
    for source in (cheap, dear):
        source.ask_for(300)
        source.refused = 0
        source.ask_for(3600)
    assert 0 < dear.refused < cheap.refused / 3


def test_nothing_refused_is_the_policys_own_rate() -> None:
    source = Source(LIMIT)
    source.ask_for(30)
    decision = source.limiter.decision(source.now)
    assert (decision.rate, decision.reason) == (LIMIT, Reason.POLICY)


def test_two_refusals_in_a_row_bring_the_rate_near_what_is_accepted() -> None:
    source = Source(LIMIT)
    source.ask_for(600)
    source.limit = 1
    while source.refused < 2:
        source.ask_for(0.2)
    assert source.rate <= 2


def test_the_busy_hour_is_slowed_down_for_before_it_shows() -> None:
    hours = HourTable()
    busy = RateBelief(LIMIT)
    for _ in range(20):
        busy.update(Load(2, 2), refused=False)
        busy.update(Load(3, 3), refused=True)
    hours.learn(10, busy.cells, 3600.0)
    limiter = IntelligentRateLimiter(LIMIT, hours, guard_seconds=0.04)
    for step in range(50):
        limiter.accepted(limiter.sent(0.21 * step), 0.21 * step + 0.1)
    assert limiter.decision(11.0).rate == LIMIT
    limiter.enter_hour(10, 11.0)
    assert limiter.decision(11.0).rate == 2


def test_an_hour_hardly_seen_is_no_prior() -> None:
    hours = HourTable()
    hours.learn(3, RateBelief(LIMIT).cells, 300.0)
    assert hours.prior(3) is None


def test_hours_survive_being_kept() -> None:
    hours = HourTable()
    hours.learn(3, RateBelief(LIMIT).cells, 3600.0)
    assert HourTable(hours.counts).prior(3) == hours.prior(3)


def test_weekends_have_hours_of_their_own() -> None:

    assert slot_of(datetime(2026, 11, 23, 9, 59)) == 9  # noqa: DTZ001 - the source's own time
    assert slot_of(datetime(2026, 11, 22, 9, 0)) == 33  # noqa: DTZ001 - the source's own time
