"""What the laboratory plays: this package's control of the traffic, as a client without the asyncio around it."""

import math
import random
from typing import Protocol

from benchmarks.laboratory.server import Answer, Kind
from cryoasync.control.circuit.circuit import Circuit
from cryoasync.control.circuit.circuit_policy import Admission, CircuitPolicy, Outcome
from cryoasync.control.rate.hour_table import HourTable
from cryoasync.control.rate.intelligent_rate_limiter import IntelligentRateLimiter
from cryoasync.control.rate.permit_log import PermitLog
from cryoasync.control.rate.rate_policy import NANOSECONDS, CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.control.rate.running_time import RunningTimeEstimate
from cryoasync.control.rate.sendings import Sending
from cryoasync.control.rate.throttle import Refusal, ThrottleBackoff

PUBCHEM = RatePolicy(
    counts=(CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0)),
    running_time=RunningTimeWindow(limit_seconds=300.0, seconds=60.0),
)
THROTTLES = frozenset({Kind.THROTTLED, Kind.BLOCKED})
OUTAGES = frozenset({Kind.OVERLOADED, Kind.HUNG, Kind.REFUSED})


def pubchem_rate() -> IntelligentRateLimiter:
    """Return what infers the rate of a source with this policy, and knows nothing yet."""
    return IntelligentRateLimiter(
        5,
        HourTable(),
        guard_seconds=PUBCHEM.guard_seconds,
        running_limit_seconds=PUBCHEM.running_seconds_in_a_minute,
    )


class Client(Protocol):
    """Decides when the next request goes out."""

    def next_send(self, now: float) -> float:
        """Return the time of the next request; infinite where an answer must come first."""
        ...

    def sent(self, number: int, now: float) -> None:
        """Note that a request went out."""
        ...

    def answered(self, number: int, answer: Answer, now: float) -> None:
        """Note an answer."""
        ...


class Cryoasync:
    """The package's own parts, put together as the package does."""

    def __init__(self, rng: random.Random) -> None:
        self._log = PermitLog(PUBCHEM)
        self._rate = pubchem_rate()
        self._circuit = Circuit(CircuitPolicy(), rng)
        self._backoff = ThrottleBackoff(rng)
        self._estimate = RunningTimeEstimate()
        self._in_force: tuple[int, int | None, float | None] = (5, None, None)
        self._hold_until = 0.0
        self._is_blocked = False
        self._out: dict[int, tuple[float, Sending, Admission]] = {}
        self._hour = -1

    def next_send(self, now: float) -> float:
        self._follow_the_hour(now)
        if self._waits_for_a_probe:
            return math.inf
        earliest = max(self._slot(now), self._hold_until)
        if not self._circuit.can_admit(now):
            earliest = max(earliest, self._circuit.changes_at(now))
        # A rate that rises by itself on the way, such as for a probe, may allow it earlier.
        return min(earliest, max(self._rate.changes_at(now), self._hold_until))

    def rate(self, now: float) -> int:
        """Return the requests in a second that are thought advisable."""
        return self._rate.rate(now)

    @property
    def _waits_for_a_probe(self) -> bool:
        """Whether a single request has to tell whether a block is over."""
        return self._is_blocked and bool(self._out)

    def _slot(self, now: float) -> float:
        rate = self._rate
        in_force = rate.rate(now), rate.minute_limit(now), rate.running_limit_seconds(now)
        if in_force != self._in_force:
            in_a_second, in_a_minute, running_seconds = self._in_force = in_force
            policy = PUBCHEM.limited_to(in_a_second).limited_in_a_minute(in_a_minute)
            self._log = self._log.under(policy.limited_in_running_time(running_seconds))
        asked = round(now * NANOSECONDS)
        slot = self._log.earliest(asked, round(self._estimate.seconds * NANOSECONDS))
        return now if slot == asked else math.nextafter(slot / NANOSECONDS, math.inf)

    def _follow_the_hour(self, now: float) -> None:
        hour = int(now // 3600)
        if hour != self._hour:
            self._hour = hour
            self._rate.enter_hour(hour % 24, now)

    def sent(self, number: int, now: float) -> None:
        admission = self._circuit.admit(now)
        assert admission is not None
        assert self._circuit.begin(admission, now)
        self._log.reserve(number, round(now * NANOSECONDS), round(self._estimate.seconds * NANOSECONDS))
        self._log.forget(round(now * NANOSECONDS))
        self._out[number] = (now, self._rate.sent(now), admission)

    def answered(self, number: int, answer: Answer, now: float) -> None:
        sent_at, sending, admission = self._out.pop(number)
        worked_seconds = now - sent_at - answer.body_seconds - 0.04
        self._log.settle(number, round(worked_seconds * NANOSECONDS))
        sending.running_seconds = worked_seconds
        if answer.kind in THROTTLES:
            self._circuit.withdraw(admission, now)
            blocked = answer.kind is Kind.BLOCKED
            if blocked:
                self._rate.lost(sending)
                self._is_blocked = True
            else:
                self._rate.refused(sending, now, answer.retry_after_seconds)
            if blocked or answer.retry_after_seconds is not None:
                refusal = Refusal(
                    sent_at=sent_at, retry_after_seconds=answer.retry_after_seconds, blocked=blocked
                )
                hold = self._backoff.refused(refusal, now)
                if hold is not None:
                    self._hold_until = max(self._hold_until, now + hold)
            return
        if answer.kind in OUTAGES:
            outcome = Outcome.FAILURE if answer.kind is Kind.OVERLOADED else Outcome.SILENCE
            self._circuit.record(admission, outcome, now)
            self._rate.lost(sending)
            return
        self._is_blocked = False
        self._circuit.record(admission, Outcome.SUCCESS, now)
        self._rate.accepted(sending, now)
        self._backoff.accepted(sent_at)
        self._estimate.add(worked_seconds)
