"""What ``status --explain`` says of the rate, from what a limiter at work tells."""

import asyncio
import json
import random
from datetime import UTC, datetime

from cryoasync.control.rate.cautious_pace import CautiousPace
from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.rate_in_force import AdaptiveRate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy
from cryoasync.control.rate.throttle import Refusal
from cryoasync.service.rate_words import rate_sentences
from cryoasync.service.work import timetable_of
from cryoasync.settings import HoursSettings
from tests.unit.virtual_time import now, on_virtual_time

POLICY = RatePolicy(counts=(CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0)))


@on_virtual_time
async def test_what_a_limiter_at_work_tells_becomes_sentences() -> None:
    adaptive = AdaptiveRate(
        limiter=IntelligentRateLimiter(5, HourTable(), guard_seconds=0.04),
        local_time=lambda: datetime(2026, 11, 24, 10, tzinfo=UTC),
        cautious=CautiousPace(timetable_of(HoursSettings(business_rate=4.0))),
    )
    limiter = SharedRateLimiter("http://a:80", POLICY, [], rate=adaptive, clock=now, rng=random.Random(0))
    granting = asyncio.create_task(limiter.run())
    limiter.set_ceiling(3.0)
    for number in range(30):
        permit = await limiter.wait("property")
        limiter.adjust_rate(
            {"X-Throttling-Control": "Request Count status: Green (7%)"}, permit, datetime.now(UTC)
        )
        limiter.settle(permit, 0.1)
        if number % 3 == 2:
            limiter.throttled(permit, Refusal(sent_at=now(), retry_after_seconds=None, blocked=False))
        else:
            limiter.accepted(permit, now())
    limiter.throttled(permit, Refusal(sent_at=now(), retry_after_seconds=30.0, blocked=True))
    granting.cancel()
    stats = limiter.get_stats()
    rate = stats.rate_json(now())
    assert rate is not None
    live = {
        "permits": stats.to_json(),
        "is_blocked": stats.is_blocked,
        "rate": rate | {"minute_limit": 150, "running_limit_seconds": 151.6},
    }
    told = " ".join(rate_sentences(json.loads(json.dumps(live))))
    for words in (
        "blocks this address",
        "30 were used",
        "11 of the requests were refused",
        "No more than 3 requests a second",
        "request count 7%",
        "weekday business hours",
        "requests in a second: ",
        "150 requests in a minute: ",
        "152 s of running time in a minute: ",
        "s ago it was 5 (policy)",
    ):
        assert words in told


def test_a_run_that_says_nothing_of_its_rate_is_no_trouble() -> None:
    assert list(rate_sentences({"held_seconds": 0.0})) == []
