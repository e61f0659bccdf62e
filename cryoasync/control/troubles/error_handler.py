"""What is done about the troubles of a source: one strategy, as a value, for each of them."""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryoasync.control.circuit.call_window import CallWindow
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.troubles.compound_risk import CompoundRisk
from cryoasync.control.troubles.endpoint_backoff import EndpointBackoff
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_record import ErrorRecord
from cryoasync.control.troubles.error_treatment import TREATMENTS, Budget, Cure, Treatment, Vote
from cryoasync.control.troubles.retry import SECONDS_OF_ONE, BatchHistory, Decision, Evidence
from cryoasync.control.troubles.retry_budget import RetryBudget
from cryoasync.ports import Clock

HEALTH_SECONDS = 60.0
HEALTHY_FOR_SECONDS = 10.0
"""For how long an answer shows that its endpoint works, where what is known to be bad is judged."""

LONG_SECONDS = 15.0
"""A request that is expected to take so long, and is not answered at all, was too much for the server."""

THROTTLED_LATELY_SECONDS = 300.0
FORBIDDEN, GATEWAY_TIMEOUT = 403, 504
TRIAL_PAUSES = 4
"""In so many steps a compound on trial is asked for over the time that its failures must be apart."""

BATCHES_A_LESSON = 4
"""One batch in so many teaches which compounds pass; it takes some time."""

_FURTHER_REQUESTS = {
    Decision.RETRY: 1,
    Decision.PROBE: 2,
    Decision.HALVE: 2,
    Decision.ISOLATE: 2,
    Decision.GIVE_UP: 0,
}
"""The part of a divided batch, and the rest of it sooner or later."""

FIRST_FAILURES, FIRST_CALLS = 0.2, 2.0
"""What is believed of an endpoint before it shows: a tenth fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One attempt that met a trouble.

    Attributes:
        endpoint: what was asked.
        ids: for how many.
        status: of the answer; ``None`` without one.
        sent_at: when; ``None`` where nothing went out.
        seconds: how long the answer took.
        timed_out: whether the answer was given up after the time-out.
        retry_after_seconds: what the server asked for.
    """

    endpoint: str
    ids: int
    status: int | None
    sent_at: float | None
    seconds: float = 0.0
    timed_out: bool = False
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What to do with a batch after a trouble.

    Attributes:
        decision: what.
        treatment: what everybody else is told.
        pause_seconds: how long the batch waits before it is asked for again.
        priority: of that request.
    """

    decision: Decision
    treatment: Treatment
    pause_seconds: float = 0.0
    priority: Priority = Priority.CONTINUE


class _Health:
    """One endpoint, as its answers show it."""

    def __init__(self, rng: random.Random) -> None:
        self.backoff = EndpointBackoff(rng)
        self.passed_at = -math.inf
        """When the last request was sent that passed: what was sent before an outage tells nothing of it."""
        self.throttled_at = -math.inf
        self.risk = CompoundRisk()
        self._calls = CallWindow(HEALTH_SECONDS)

    def count(self, now: float, *, failed: bool) -> None:
        self._calls.add(now, failed=failed, slow=False)

    def chance(self, now: float) -> float:
        counts = self._calls.counts(now)
        return (counts.failures + FIRST_FAILURES) / (counts.calls + FIRST_CALLS)


class PredictiveErrorHandler:
    """Decides by the table of treatments, by what other requests to the same endpoint meet, and by what it learned."""

    def __init__(self, *, local_time: Callable[[], datetime], clock: Clock, rng: random.Random) -> None:
        """``local_time`` is the time of day at the source."""
        self._local_time = local_time
        self._clock = clock
        self._rng = rng
        self._health: defaultdict[str, _Health] = defaultdict(lambda: _Health(rng))
        self._budget = RetryBudget()
        self._record = ErrorRecord()

    def sent(self, at: float, *, retry: bool) -> None:
        """Count one request against the budget of retries."""
        self._budget.sent(at, retry=retry)

    def passed(self, endpoint: str, history: BatchHistory | None, sent_at: float) -> None:
        """Learn of an answer with rows to a batch; ``None`` stands for a compound that is known to be there."""
        now, health = self._clock(), self._health[endpoint]
        health.passed_at = max(health.passed_at, sent_at)
        health.backoff.passed(sent_at)
        if history is None or not history.is_suspected:
            health.count(now, failed=False)
        if history is not None and history.first_at:
            self._record.recovered(history.first_at, now)

    def categorize_error(
        self, category: ErrorCategory, attempted: Attempted, expected_seconds: float
    ) -> ErrorCategory:
        """Return the kind of a trouble, seen in its circumstances: what it is taken for by itself may mislead."""
        now, health = self._clock(), self._health[attempted.endpoint]
        if attempted.timed_out and expected_seconds > LONG_SECONDS and attempted.ids > 1:
            return ErrorCategory.TOO_BIG
        if attempted.status == FORBIDDEN and now - health.throttled_at < THROTTLED_LATELY_SECONDS:
            return ErrorCategory.BLOCKED
        return category

    def handle_error(self, category: ErrorCategory, attempted: Attempted, history: BatchHistory) -> Strategy:
        """Return what to do with the batch of ``history``, which met ``category``."""
        now, health, treatment = self._clock(), self._health[attempted.endpoint], TREATMENTS[category]
        is_suspected = history.is_suspected
        decision = history.decide(category, self._evidence(health, attempted, history, now))
        self._note(category, health, suspected=is_suspected, requests=_FURTHER_REQUESTS[decision])
        is_at_work = now - health.passed_at < HEALTHY_FOR_SECONDS
        if history.is_known_bad and is_at_work and treatment.breaker in {Vote.FAILURE, Vote.SILENCE}:
            # It fails because of whom it names, while the others pass.
            treatment = replace(treatment, breaker=Vote.NONE)
        if decision not in {Decision.RETRY, Decision.PROBE}:
            return Strategy(decision=decision, treatment=treatment)
        return Strategy(
            decision=decision,
            treatment=treatment,
            pause_seconds=self._pause_seconds(category, attempted, history, now),
            priority=self._priority(treatment, now),
        )

    def handle_probe(self, category: ErrorCategory, endpoint: str) -> Treatment:
        """Note that a compound which is known to be there met ``category``, and return what everybody is told."""
        self._note(category, self._health[endpoint], suspected=False, requests=0)
        return TREATMENTS[category]

    def predict_errors(self, endpoint: str, source_ids: Sequence[str]) -> Mapping[ErrorCategory, list[float]]:
        """Return how likely each compound fails in each way."""
        return self._health[endpoint].risk.probabilities(source_ids, self._hour())

    def weights(self, endpoint: str, source_ids: Sequence[str]) -> list[float] | None:
        """Return how likely each compound is a culprit, where that is known well enough to be of use."""
        foretold = self._health[endpoint].risk.probabilities(source_ids, self._hour(), only_used=True)
        return [math.fsum(each) for each in zip(*foretold.values(), strict=True)] if foretold else None

    def learn_passed(self, endpoint: str, source_ids: Sequence[str]) -> None:
        """Learn from compounds that passed, by one of them; one batch in four stands for the others."""
        risk = self._health[endpoint].risk
        if not risk.is_empty and self._rng.random() * BATCHES_A_LESSON < 1:
            risk.passed(self._rng.choice(source_ids), self._hour(), len(source_ids), BATCHES_A_LESSON)

    def learn_blamed(
        self, endpoint: str, source_id: str, category: ErrorCategory, batch: Sequence[str]
    ) -> None:
        """Learn from a compound that was found to be what made ``batch`` fail."""
        self._health[endpoint].risk.blamed(source_id, self._hour(), category, batch)

    def get_stats(self) -> dict[str, Any]:
        """Return what the troubles were like, and how good the predictions are, as JSON values."""
        return {
            "categories": self._record.to_json(self._clock()),
            "retries_beyond_budget": self._budget.beyond,
            "predictions": {
                endpoint: told for endpoint, health in self._health.items() if (told := health.risk.to_json())
            },
        }

    def _note(self, category: ErrorCategory, health: _Health, *, suspected: bool, requests: int) -> None:
        now = self._clock()
        self._record.met(category, now, requests=requests)
        if TREATMENTS[category].cure is Cure.WAITING:
            health.throttled_at = now
        elif not suspected:
            health.count(now, failed=TREATMENTS[category].is_chance)

    def _evidence(self, health: _Health, attempted: Attempted, history: BatchHistory, now: float) -> Evidence:
        is_healthy = health.passed_at > history.failed_at
        if history.is_known_bad and history.size > 1:
            is_healthy = is_healthy and now - health.passed_at < HEALTHY_FOR_SECONDS
        is_quick = attempted.status == GATEWAY_TIMEOUT and attempted.seconds < LONG_SECONDS
        return Evidence(now=now, is_healthy=is_healthy, chance=health.chance(now), is_quick=is_quick)

    def _pause_seconds(
        self, category: ErrorCategory, attempted: Attempted, history: BatchHistory, now: float
    ) -> float:
        if TREATMENTS[category].cure is Cure.WAITING:
            # The limiter keeps everybody away, for as long as the server asks.
            return 0.0
        pause = self._health[attempted.endpoint].backoff.failed(attempted.sent_at, now)
        if history.is_on_trial(category, now):
            pause = max(pause, self._rng.uniform(1.0, 1.2) * SECONDS_OF_ONE / TRIAL_PAUSES)
        return max(pause, attempted.retry_after_seconds or 0.0)

    def _priority(self, treatment: Treatment, now: float) -> Priority:
        if treatment.budget is Budget.SHARED and self._budget.is_spent(now):
            return Priority.SPARE
        return Priority.CONTINUE

    def _hour(self) -> float:
        time = self._local_time()
        return time.hour + time.minute / 60
