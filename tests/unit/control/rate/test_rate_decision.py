"""Each decision on the rate is a record from which it follows."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.rate_decision import RateDecision, Reason, best_rate

EXPECTED = st.lists(st.floats(0.01, 1.0), min_size=6, max_size=6).map(
    lambda weights: tuple(weight / sum(weights) for weight in weights)
)
RECORDS = st.builds(
    RateDecision,
    limit=st.just(5),
    expected=EXPECTED,
    failure_rate=st.floats(0, 0.5),
    refusal_cost=st.floats(4, 200),
    caution=st.none() | st.integers(1, 5),
    announced=st.none() | st.integers(1, 5),
    is_probing=st.booleans(),
)


@pytest.mark.parametrize("seed", range(3))
def test_every_decision_of_a_bad_day_can_be_recomputed_from_its_record(seed: int) -> None:
    """Through cuts, chance, probes, caution and headers; what is printed is enough."""
    rng = random.Random(seed)
    limiter = IntelligentRateLimiter(5, HourTable(), guard_seconds=0.04)
    now, reasons = 0.0, set()
    for step in range(3000):
        limit = (5, 2, 4, 1)[step // 750]
        now += 1.04 / limiter.decision(now).rate * rng.uniform(0.9, 1.1)
        sending = limiter.sent(now)
        load = limiter._sendings.load(sending).sure
        said = {"request count": 90 if 400 < step < 500 else 40}
        limiter.adjust_for_headers(said, {"request count": 40.0}, now)
        if load > limit or rng.random() < 0.01:
            limiter.refused(sending, now + 0.1, None)
        else:
            limiter.accepted(sending, now + 0.1)
        decision = limiter.decision(now + 0.1)
        assert decision.decided() == decision
        printed = decision.to_json()
        again = RateDecision(
            **{
                name: printed[name]
                for name in ("limit", "refusal_cost", "caution", "announced", "is_probing")
            },
            failure_rate=printed["failure_rate"],
            expected=tuple(printed["expected"]),
        ).decided()
        assert (again.rate, again.reason) == (printed["rate"], printed["reason"])
        reasons.add(decision.reason)
    assert reasons == set(Reason)


@given(RECORDS)
def test_no_record_leads_above_the_policy_or_to_nothing(record: RateDecision) -> None:
    decided = record.decided()
    assert 1 <= decided.rate <= record.limit
    for bound in (record.caution, record.announced):
        assert bound is None or decided.rate <= bound


@given(EXPECTED, st.floats(0, 0.5), st.floats(4, 200))
def test_no_other_rate_is_worth_more(
    expected: tuple[float, ...], failure_rate: float, refusal_cost: float
) -> None:
    """What comes through, less what refusals cost: of a rate, so much is refused as lies above the limit."""

    def worth(rate: int) -> float:
        refused = sum(expected[limit] * (rate - limit) for limit in range(rate))
        return (rate - refused) * (1 - failure_rate) - refusal_cost * refused

    best = best_rate(5, expected, failure_rate, refusal_cost)
    assert worth(best) >= max(worth(rate) for rate in range(1, 6)) - 1e-9


@given(RECORDS, st.integers(1, 5))
def test_a_header_and_caution_can_only_lower_the_rate(record: RateDecision, bound: int) -> None:
    free = replace(record, announced=None)
    assert replace(free, announced=bound).decided().rate <= free.decided().rate
