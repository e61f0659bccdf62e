"""Decides how many requests a second go out, from what the answers say of the limit in force.

The policy's windows are the ceiling, always. Below it, the limit is inferred (:mod:`rate_belief`), since a
source may lower it without a word; upward it is felt for with single requests, on a budget.
"""

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, StrEnum

from cryoasync.control.hour_table import HourSlot, HourTable
from cryoasync.control.rate_belief import CHANGE_SECONDS, Load, RateBelief

WINDOW_SECONDS = 1.0
LEAST_REFUSAL_COST = 4.0
SHORTEST_PROBE_SECONDS = 8.0
LONGEST_PROBE_SECONDS = 900.0
CAUTION_SECONDS = 60.0
SURE_OF_CHANCE = 0.9
SENDINGS_KEPT = 600
HOUR_WEIGHT = 0.65
"""How much earlier hours count at the beginning of the next of their kind."""
CLOCK_SLACK_SECONDS = 0.001


class Reason(StrEnum):
    """Why the rate is what it is."""

    POLICY = "policy"
    """Nothing speaks against the policy's own rate."""
    BELIEF = "belief"
    """A lower limit is believed in."""
    PROBE = "probe"
    """One request more than believed in, to see whether the limit has risen."""
    CAUTION = "caution"
    """Refused twice, and no such rate accepted in between: no more for a minute than was accepted just before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDecision:
    """How many requests may go out in a second, why, and what it was weighed with.

    Attributes:
        rate: the requests.
        reason: why.
        expected: the limits' probabilities, from 0 upward.
        failure_rate: the part of requests believed to be refused by chance.
        refusal_cost: what a refusal costs, in requests.
    """

    rate: int
    reason: Reason
    expected: tuple[float, ...]
    failure_rate: float
    refusal_cost: float


class _State(Enum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(slots=True, eq=False)
class Sending:
    """A request that went out."""

    at: float
    state: _State = _State.PENDING


class IntelligentRateLimiter:
    """The rate below one stated limit of requests a second; every method takes the reading of a clock."""

    def __init__(self, limit: int, hours: HourTable, *, guard_seconds: float) -> None:
        """Stay at or below ``limit``, knowing ``hours`` from earlier times and adding to it.

        ``guard_seconds`` is the spread of the latency on the way to the source.
        """
        self._limit = limit
        self._guard_seconds = guard_seconds
        self._hours = hours
        self._slot: HourSlot | None = None
        self._learned_at = 0.0
        self._belief = RateBelief(limit)
        self._sendings: deque[Sending] = deque()
        self._retry_after_seconds = 0.0
        self._refused_at = -math.inf
        self._accepted_load = 0
        self._caution = limit
        self._cautious_until = -math.inf
        self._probe_at = math.inf
        self._decision = self._decide()

    def enter_hour(self, slot: HourSlot, now: float) -> None:
        """Begin an hour of the source's day: what earlier such hours were like is believed before it shows."""
        self._slot, self._learned_at = slot, now
        prior = self._hours.prior(slot)
        self._hours.enter(slot)
        if prior is not None:
            self._belief.drift(now)
            self._belief.mix(prior, HOUR_WEIGHT)
            self._follow_belief(now)

    def sent(self, now: float) -> Sending:
        """Note a request; its outcome is told with what is returned."""
        sending = Sending(now)
        self._sendings.append(sending)
        while len(self._sendings) > SENDINGS_KEPT:
            self._sendings.popleft()
        if self._is_probing(now) and self._load(sending).sure > self._decision.rate:
            self._schedule_probe(now)
        return sending

    def accepted(self, sending: Sending, now: float) -> None:
        """Learn from a request that the source let in, whatever came of it."""
        sending.state = _State.ACCEPTED
        load = self._learn(sending, now, refused=False)
        if sending.at > self._refused_at:
            self._accepted_load = max(self._accepted_load, load.sure)

    def refused(self, sending: Sending, now: float, retry_after_seconds: float | None) -> None:
        """Learn from a request that the source refused."""
        sending.state = _State.REFUSED
        if retry_after_seconds is not None:
            self._retry_after_seconds = retry_after_seconds
        load = self._learn(sending, now, refused=True)
        is_second = now - self._refused_at < CAUTION_SECONDS
        is_chance = self._belief.is_chance() > SURE_OF_CHANCE
        if is_second and self._accepted_load < load.sure and not is_chance:
            self._caution = max(1, self._accepted_before(sending))
            self._cautious_until = now + CAUTION_SECONDS
        self._refused_at, self._accepted_load = now, 0
        self._schedule_probe(now)

    def lost(self, sending: Sending) -> None:
        """Note a request without an answer: it says nothing of a limit, yet the source may have counted it."""
        sending.state = _State.LOST

    def decision(self, now: float) -> RateDecision:
        """Return the rate in force, and what it was decided on."""
        decided = self._decision
        if now < self._cautious_until and self._caution < decided.rate:
            return self._with(decided, self._caution, Reason.CAUTION)
        if self._is_probing(now):
            return self._with(decided, decided.rate + 1, Reason.PROBE)
        return decided

    def changes_at(self, now: float) -> float:
        """Return when the rate rises by itself; infinite where only an answer changes it."""
        return min((at for at in (self._cautious_until, self._probe_at) if at > now), default=math.inf)

    def _with(self, decided: RateDecision, rate: int, reason: Reason) -> RateDecision:
        return RateDecision(
            rate=rate,
            reason=reason,
            expected=decided.expected,
            failure_rate=decided.failure_rate,
            refusal_cost=decided.refusal_cost,
        )

    def _is_probing(self, now: float) -> bool:
        return now >= self._probe_at and now >= self._cautious_until and self._decision.rate < self._limit

    def _learn(self, sending: Sending, now: float, *, refused: bool) -> Load:
        load = self._load(sending)
        prior = None
        if self._slot is not None:
            self._hours.learn(self._slot, self._belief.cells, now - self._learned_at)
            self._learned_at = now
            prior = self._hours.prior(self._slot)
        self._belief.drift(now, prior)
        self._belief.update(load, refused=refused)
        self._follow_belief(now)
        if not refused and load.sure > self._decision.rate:
            # The probe came through: go on at once, one answer alone may not convince.
            self._schedule_probe(now, soon=True)
        return load

    def _follow_belief(self, now: float) -> None:
        before = self._decision.rate
        self._decision = self._decide()
        if self._decision.rate != before or self._probe_at == math.inf:
            self._schedule_probe(now, soon=self._decision.rate > before)

    def _load(self, sending: Sending) -> Load:
        """Count what the source had let in within its window when ``sending`` arrived, itself included."""
        sure = most = 1
        for other in reversed(self._sendings):
            if other.at > sending.at or other is sending:
                continue
            age = sending.at - other.at
            if age > WINDOW_SECONDS + self._guard_seconds - CLOCK_SLACK_SECONDS:
                break
            if other.state is _State.REFUSED:
                continue
            most += 1
            sure += other.state is not _State.LOST and age < WINDOW_SECONDS - self._guard_seconds
        return Load(sure, most)

    def _accepted_before(self, sending: Sending) -> int:
        return sum(
            other.state in {_State.PENDING, _State.ACCEPTED}
            for other in self._sendings
            if sending.at - WINDOW_SECONDS < other.at < sending.at
        )

    def _decide(self) -> RateDecision:
        """Weigh the requests that come through against those that are refused, for each rate.

        A rate of c brings c·(1 - below) requests of which some fail by chance, and costs what the refusals
        cost, where below is the part of c expected to lie above the limit.
        """
        limits = self._belief.of_limits()
        failure_rate = self._belief.failure_rate()
        cost = max(LEAST_REFUSAL_COST, self._retry_after_seconds * self._limit)

        def worth(rate: int) -> float:
            below = math.fsum(limits[lower] * (rate - lower) / rate for lower in range(rate))
            return rate * (1 - below) * (1 - failure_rate) - cost * rate * below

        rate = max(range(1, self._limit + 1), key=worth)
        return RateDecision(
            rate=rate,
            reason=Reason.POLICY if rate == self._limit else Reason.BELIEF,
            expected=tuple(limits),
            failure_rate=failure_rate,
            refusal_cost=cost,
        )

    def _schedule_probe(self, now: float, *, soon: bool = False) -> None:
        """Plan the next probe by the square-root rule: rarer the dearer a refusal is and the less there is to gain.

        The rule is for a limit that is known and may change; while a higher one is thought possible as it is, and
        a refusal costs little, a probe comes sooner.
        """
        rate = self._decision.rate
        if rate >= self._limit:
            self._probe_at = math.inf
            return
        if soon:
            self._probe_at = now
            return
        cost_seconds = self._retry_after_seconds or 1 / rate
        gain = (self._limit - rate) / rate
        seconds = math.sqrt(2 * cost_seconds * CHANGE_SECONDS / gain)
        seconds = min(LONGEST_PROBE_SECONDS, max(SHORTEST_PROBE_SECONDS, seconds))
        if not self._retry_after_seconds:
            seconds *= (1 - math.fsum(self._decision.expected[rate + 1 :])) ** 2
        self._probe_at = now + seconds
