"""The policy as it is kept to at the moment: lowered by what answers say, and by what somebody asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from cryoasync.control.rate.cautious_pace import CautiousPace
from cryoasync.control.rate.header_limits import HeaderLimits
from cryoasync.control.rate.hour_table import HourSlot, slot_of
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.rate_headers import RateAdvice, read_rate_headers
from cryoasync.control.rate.rate_policy import BudgetUse, CountWindow, RatePolicy
from cryoasync.control.rate.sendings import Sending
from cryoasync.control.rate.slow_days import SlowDays
from cryoasync.control.rate.throttle import Refusal
from cryoasync.control.rate.throttling_header import WorstOfAMinute, read_part, read_throttling
from cryoasync.ports import Clock

RATIO_SECONDS = 1.0
"""How often what the source says is used is compared with our own count."""

PARTS_KEPT = 256
"""What so many items of throttling headers say is remembered."""

_Limits = tuple[tuple[CountWindow, ...], tuple[float | None, ...], int | None, int | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveRate:
    """The rate that answers make advisable, and the time of day at the source, by which it is learned.

    ``cautious`` is a pace of its own that is not exceeded, where one was asked for; ``slow_days`` are those of the
    source.
    """

    limiter: IntelligentRateLimiter
    local_time: Callable[[], datetime]
    cautious: CautiousPace | None = None
    slow_days: SlowDays | None = None


class RateInForce:
    """Everything that lowers a policy; nothing here raises it."""

    def __init__(self, policy: RatePolicy, rate: AdaptiveRate | None, *, clock: Clock) -> None:
        """Lower ``policy``; without ``rate`` answers do so by their headers alone."""
        self.ceiling: float | None = None
        self.headers = HeaderLimits()
        self._policy = policy
        self._rate = rate
        self._clock = clock
        self._read_throttling = partial(read_throttling, read_part=lru_cache(PARTS_KEPT)(read_part))
        self._said = WorstOfAMinute()
        self._ratio_at = 0.0
        self._hour: HourSlot | None = None
        self._limits: _Limits | None = None
        self._lowered = policy

    def policy(self) -> RatePolicy:
        """Return the policy, lowered to the rate that is advisable now."""
        now, rate = self._clock(), self._rate
        windows, slowest = self.headers.windows(now), [self.ceiling]
        if rate is None:
            return self._lowered_by((windows, tuple(slowest), None, None, None))
        local = rate.local_time()
        if (hour := slot_of(local)) != self._hour:
            self._hour = hour
            rate.limiter.enter_hour(hour, now)
        if rate.cautious is not None:
            slowest.append(rate.cautious.requests_per_second(local))
        if rate.slow_days is not None:
            slowest.append(rate.slow_days.ceiling(local))
        limiter = rate.limiter
        minute = limiter.minute_limit(now), limiter.running_limit_seconds(now)
        return self._lowered_by((windows, tuple(slowest), limiter.rate(now), *minute))

    def read(
        self,
        headers: Mapping[str, str],
        permit: Permit | None,
        answered_at: datetime,
        used: Callable[[], BudgetUse],
    ) -> tuple[RateAdvice, bool]:
        """Read the headers of an answer; return what they say, and whether less may be sent than before.

        ``used`` tells how much of the policy is taken by all processes that share it.
        """
        advice = read_rate_headers(headers, answered_at, read_throttling=self._read_throttling)
        now = self._clock()
        is_lower = self.headers.announce(advice.windows, now)
        if permit is not None and advice.retry_after_seconds is None:
            is_lower |= self.headers.take(permit.endpoint, permit.sequence, advice.quotas, now)
        if advice.throttling is not None:
            self._said.add(advice.throttling.percents, now)
            is_lower |= self._compare_uses(used, now)
        return advice, is_lower

    def sent(self) -> Sending | None:
        """Note a request that goes out now."""
        return None if self._rate is None else self._rate.limiter.sent(self._clock())

    def refused(self, sending: Sending, refusal: Refusal) -> None:
        """Learn that the host refused a request."""
        if self._rate is None:
            return
        now = self._clock()
        if self._rate.cautious is not None:
            self._rate.cautious.refused(refusal.sent_at, now)
        if refusal.blocked:
            self._rate.limiter.lost(sending)
        else:
            self._rate.limiter.refused(sending, now, refusal.retry_after_seconds)

    def let_in(self, sending: Sending) -> bool:
        """Learn that the host let a request in; return whether less may be sent than before."""
        if self._rate is None:
            return False
        if self._rate.cautious is not None:
            self._rate.cautious.accepted()
        now, limiter = self._clock(), self._rate.limiter
        before = limiter.rate(now)
        limiter.accepted(sending, now)
        return limiter.rate(now) < before

    def lost(self, sending: Sending) -> None:
        """Learn that nothing was heard of whether a request was let in."""
        if self._rate is not None:
            self._rate.limiter.lost(sending)

    def told(self) -> dict[str, Any]:
        """Return what statistics say of the rate."""
        now, rate = self._clock(), self._rate
        told: dict[str, Any] = {"ceiling": self.ceiling, "said": self._said.percents(now)}
        if rate is not None:
            told |= {
                "pace": None if rate.cautious is None else rate.cautious.name(rate.local_time()),
                "minute_limit": rate.limiter.minute_limit(now),
                "running_limit_seconds": rate.limiter.running_limit_seconds(now),
                "decision": rate.limiter.decision(now),
                "decisions": tuple(rate.limiter.decisions),
            }
        return told

    def _lowered_by(self, limits: _Limits) -> RatePolicy:
        """Return the policy under further windows, ceilings, and bounds of a second and of a minute."""
        if limits != self._limits:
            windows, ceilings, in_a_second, in_a_minute, running_seconds = self._limits = limits
            policy = self._policy.with_windows(windows).limited_in_a_minute(in_a_minute)
            policy = policy.limited_in_running_time(running_seconds)
            for ceiling in ceilings:
                policy = policy.lowered_to(ceiling)
            self._lowered = policy if in_a_second is None else policy.limited_to(in_a_second)
        return self._lowered

    def _compare_uses(self, used: Callable[[], BudgetUse], now: float) -> bool:
        """Compare what the source says is used with our own count; return whether the rate fell."""
        if self._rate is None or now < self._ratio_at + RATIO_SECONDS:
            return False
        self._ratio_at, limiter = now, self._rate.limiter
        before = limiter.rate(now)
        own = self._policy.percents_of_a_minute(used())
        limiter.adjust_for_headers(self._said.percents(now), own, now)
        return limiter.rate(now) < before
