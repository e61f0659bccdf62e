"""Decides how many requests a second go out, from what the answers say of the limit in force.

The policy's windows are the ceiling, always. Below it, the limit is inferred (:mod:`rate_belief`), since a
source may lower it without a word; upward it is felt for with single requests, on a budget.
"""

import math
from collections import deque
from collections.abc import Mapping

from cryoasync.control.rate.cautious_pace import Timetable
from cryoasync.control.rate.header_ratio import HeaderRatio
from cryoasync.control.rate.hour_table import HourSlot, HourTable
from cryoasync.control.rate.minute_bounds import MinuteBounds
from cryoasync.control.rate.probe_pace import LEAST_REFUSAL_COST, pause_seconds
from cryoasync.control.rate.rate_belief import Load, RateBelief, first_prior
from cryoasync.control.rate.rate_decision import RateDecision, best_rate, rate_in_force
from cryoasync.control.rate.sendings import Outcome, Sending, Sendings

CAUTION_SECONDS = 60.0
LONGEST_CAUTION_SECONDS = 240.0
DECISIONS_KEPT = 50
HOUR_WEIGHT = 0.65
"""How much earlier hours count at the beginning of the next of their kind."""


class IntelligentRateLimiter:
    """The rate below one stated limit of requests a second; every method takes the reading of a clock."""

    def __init__(
        self,
        limit: int,
        hours: HourTable,
        *,
        guard_seconds: float,
        running_limit_seconds: float | None = None,
        timetable: Timetable | None = None,
    ) -> None:
        """Stay at or below ``limit``, knowing ``hours`` from earlier times and adding to it.

        ``guard_seconds`` is the spread of the latency on the way to the source, ``running_limit_seconds`` what the
        policy allows of its running time in a minute, if it bounds that; ``timetable`` says what is thought usual at
        hours that were never seen.
        """
        self._limit = limit
        self._hours = hours
        self._timetable = timetable
        self._slot: HourSlot | None = None
        self._usual = first_prior(limit)
        self._learned_at = 0.0
        self._sendings = Sendings(guard_seconds)
        self._bounds = MinuteBounds(limit, running_limit_seconds, self._sendings)
        self._belief = RateBelief(limit, bounds=self._bounds.count)
        self._retry_after_seconds = 0.0
        self._refused_at = -math.inf
        self._accepted_load = 0
        self._caution = limit
        self._cautious_until = -math.inf
        self._caution_seconds = CAUTION_SECONDS
        self._probe_at = math.inf
        self._ratio = HeaderRatio()
        self._weigh()
        self.decisions: deque[RateDecision] = deque(maxlen=DECISIONS_KEPT)

    def enter_hour(self, slot: HourSlot, now: float) -> None:
        """Begin an hour of the source's day: what earlier such hours were like is believed before it shows."""
        self._slot, self._learned_at = slot, now
        usual = None if self._timetable is None else self._timetable.at(slot).requests_per_second
        self._usual = first_prior(self._limit, usual)
        learned = self._hours.prior(slot)
        self._hours.enter(slot)
        if learned is not None or self._belief.is_first:
            self._belief.drift(now)
            self._belief.mix(learned or self._usual, HOUR_WEIGHT if learned else 1.0)
            self._follow_belief(now)

    def sent(self, now: float) -> Sending:
        """Note a request; its outcome is told with what is returned."""
        sending = self._sendings.add(now)
        if self._is_probing(now) and self._sendings.load(sending).sure > self._believed:
            self._schedule_probe(now)
        return sending

    def accepted(self, sending: Sending, now: float) -> None:
        """Learn from a request that the source let in, whatever came of it."""
        sending.outcome = Outcome.ACCEPTED
        self._sendings.learn_running_time(sending)
        load = self._learn(sending, now, refused=False)
        self._bounds.accepted(sending, self._belief)
        if sending.at > self._refused_at:
            self._accepted_load = max(self._accepted_load, load.sure)

    def refused(self, sending: Sending, now: float, retry_after_seconds: float | None) -> None:
        """Learn from a request that the source refused."""
        sending.outcome = Outcome.REFUSED
        if retry_after_seconds is not None:
            self._retry_after_seconds = retry_after_seconds
        is_alone = self._sendings.is_refused_alone(sending)
        load = self._learn(sending, now, refused=True, alone=is_alone)
        self._bounds.refused(sending, self._belief, now, self._retry_after_seconds, alone=is_alone)
        if self._bounds.is_kept and is_alone:
            # It was this bound all the time.
            self._cautious_until = -math.inf
        is_second = now - self._refused_at < CAUTION_SECONDS + self._retry_after_seconds
        is_other = self._bounds.is_kept or self._belief.is_sure_of_chance
        if is_second and self._accepted_load < load.sure and not is_other:
            self._be_cautious(sending, load, now)
        self._refused_at, self._accepted_load = now, 0
        self._schedule_probe(now)

    def _be_cautious(self, sending: Sending, load: Load, now: float) -> None:
        """Allow no more than was let in just before; where a refusal costs a pause, less and longer each time."""
        level = self._sendings.accepted_before(sending)
        pause = self._retry_after_seconds
        if pause and now < self._cautious_until + self._caution_seconds:
            level = min(level, self._caution - (load.sure <= self._caution))
            self._caution_seconds = min(2 * self._caution_seconds, LONGEST_CAUTION_SECONDS)
        else:
            self._caution_seconds = CAUTION_SECONDS
        self._caution = max(1, level)
        self._cautious_until = now + pause + self._caution_seconds

    def lost(self, sending: Sending) -> None:
        """Note a request without an answer: it says nothing of a limit, yet the source may have counted it."""
        sending.outcome = Outcome.LOST

    def adjust_for_headers(self, said: Mapping[str, int], own: Mapping[str, float], now: float) -> None:
        """Learn from how much of each quota the source says is used, beside our own count, as percentages."""
        self._ratio.update(said, own, now)

    def rate(self, now: float) -> int:
        """Return how many requests may go out in a second."""
        rate, reason = rate_in_force(self._believed, self._limit, *self._circumstances(now))
        last = self.decisions[-1] if self.decisions else None
        if last is None or (last.rate, last.reason) != (rate, reason):
            self.decisions.append(self.decision(now))
        return rate

    def decision(self, now: float) -> RateDecision:
        """Return the rate in force, and what it is decided on."""
        expected, failure_rate, refusal_cost = self._weighed
        caution, announced, is_probing = self._circumstances(now)
        return RateDecision(
            at=now,
            limit=self._limit,
            expected=tuple(expected),
            failure_rate=failure_rate,
            refusal_cost=refusal_cost,
            caution=caution,
            announced=announced,
            is_probing=is_probing,
        ).decided()

    def minute_limit(self, now: float) -> int | None:
        """Return how many requests may go out in a minute, where that is less than the policy allows."""
        return self._bounds.request_limit(now)

    def running_limit_seconds(self, now: float) -> float | None:
        """Return how much running time a minute may hold, where that is less than the policy allows."""
        return self._bounds.running_limit_seconds(now)

    def changes_at(self, now: float) -> float:
        """Return when the rate rises by itself; infinite where only an answer changes it."""
        moments = (self._cautious_until, self._probe_at, self._bounds.feel_at)
        return min((at for at in moments if at > now), default=math.inf)

    def _circumstances(self, now: float) -> tuple[int | None, int | None, bool]:
        """Return the rates that caution and headers allow, where they do, and whether it is time for a probe."""
        caution = self._caution if now < self._cautious_until else None
        cut = self._ratio.cut
        announced = max(1, round(self._limit / cut)) if cut > 1 else None
        return caution, announced, now >= self._probe_at

    def _is_probing(self, now: float) -> bool:
        return now >= self._probe_at and now >= self._cautious_until and self._believed < self._limit

    def _learn(self, sending: Sending, now: float, *, refused: bool, alone: bool = False) -> Load:
        load = self._sendings.load(sending)
        prior = None
        if self._slot is not None:
            self._hours.learn(self._slot, self._belief.cells, now - self._learned_at)
            self._learned_at = now
            prior = self._hours.prior(self._slot) or self._usual
        self._belief.drift(now, prior)
        beyond = self._bounds.beyond(sending, self._belief, alone=alone)
        self._belief.update(load, refused=refused, beyond=beyond)
        self._bounds.follow(self._belief)
        self._follow_belief(now)
        if not refused and load.sure > self._believed:
            # The probe came through: go on at once, one answer alone may not convince.
            self._schedule_probe(now, soon=True)
        return load

    def _follow_belief(self, now: float) -> None:
        before = self._believed
        self._weigh()
        if self._believed != before or self._probe_at == math.inf:
            self._schedule_probe(now, soon=self._believed > before)

    def _weigh(self) -> None:
        """Decide by what is believed alone."""
        refusal_cost = max(LEAST_REFUSAL_COST, self._retry_after_seconds * self._limit)
        self._weighed = self._belief.of_limits(), self._belief.failure_rate(), refusal_cost
        self._believed = best_rate(self._limit, *self._weighed)

    def _schedule_probe(self, now: float, *, soon: bool = False) -> None:
        """Plan the next probe by the square-root rule: rarer the dearer a refusal is and the less there is to gain.

        The rule is for a limit that is known and may change; while a higher one is thought possible as it is, and
        a refusal costs little, a probe comes sooner.
        """
        rate = self._believed
        if rate >= self._limit:
            self._probe_at = math.inf
            return
        if soon:
            self._probe_at = now
            return
        seconds = pause_seconds(self._retry_after_seconds or 1 / rate, (self._limit - rate) / rate)
        if not self._retry_after_seconds:
            seconds *= (1 - math.fsum(self._weighed[0][rate + 1 :])) ** 2
        self._probe_at = now + seconds
