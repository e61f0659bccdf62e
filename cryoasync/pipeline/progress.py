"""How far a run is, as a value: what a display shows and a summary sums up."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.control.traffic import Traffic
from cryoasync.models import Activity, RunCounts
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.pipeline.run_control import RunControl
from cryoasync.pipeline.worker_pool import WorkerPool
from cryoasync.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a run.

    Attributes:
        counts: what is committed.
        settled_in_start: entries that this start settled.
        elapsed_seconds: since this start began to work.
        request_rate: requests a second since the first one.
        policy_rate: the most that the policy allows; ``None`` where there is no source to ask.
        throttled: requests the source refused for policy reasons.
        held_seconds: how long the source is left alone from now on.
        time_shares: what the workers' time went to, as parts of 1.
        eta_seconds: at the pace so far; ``None`` before there is one, and in a pause.
    """

    counts: RunCounts
    settled_in_start: int
    elapsed_seconds: float
    requests: int
    request_rate: float
    policy_rate: float | None
    throttled: int
    errors: int
    held_seconds: float
    time_shares: Mapping[Activity, float]
    eta_seconds: float | None


class Progress:
    """Takes snapshots of a running pipeline."""

    def __init__(
        self,
        checkpoints: CheckpointManager,
        pool: WorkerPool,
        limiter: SharedRateLimiter | None,
        policy: RatePolicy | None,
        traffic: Traffic,
        *,
        breaker: SharedCircuitBreaker | None = None,
        clock: Clock,
        details: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """Begin to measure now; limiter, policy and breaker are ``None`` where there is no source to ask.

        ``details`` are further JSON values of the live state.
        """
        self._checkpoints = checkpoints
        self._pool = pool
        self._limiter = limiter
        self._policy = policy
        self._traffic = traffic
        self._clock = clock
        self._details = details
        self.control = RunControl(pool, limiter, breaker)
        self._started_at = clock()
        self._pending_at_start = checkpoints.counts.pending
        self._failed_at_start = checkpoints.counts.failed

    def snapshot(self) -> Snapshot:
        """Return how far the run is now."""
        now = self._clock()
        counts = self._checkpoints.counts
        elapsed = now - self._started_at
        settled = self._pending_at_start - counts.pending + max(0, self._failed_at_start - counts.failed)
        first = self._traffic.first_sent_at
        return Snapshot(
            counts=counts,
            settled_in_start=settled,
            elapsed_seconds=elapsed,
            requests=self._traffic.requests,
            request_rate=0.0 if first is None or now <= first else self._traffic.requests / (now - first),
            policy_rate=None if self._policy is None else self._policy.requests_per_second,
            throttled=self._traffic.throttled,
            errors=self._traffic.errors.total(),
            held_seconds=0.0 if self._limiter is None else self._limiter.get_stats().held_seconds,
            time_shares=self._time_shares(),
            eta_seconds=counts.pending * elapsed / settled
            if settled > 0 and not self._pool.gate.is_closed
            else None,
        )

    def live_state(self) -> dict[str, Any]:
        """Return what ``status`` shows of a run at work, as JSON values."""
        snapshot = self.snapshot()
        policy_rate = snapshot.policy_rate
        return {
            "elapsed_seconds": snapshot.elapsed_seconds,
            "eta_seconds": snapshot.eta_seconds,
            "requests": snapshot.requests,
            "request_rate": snapshot.request_rate,
            "policy_rate": policy_rate if policy_rate is not None and math.isfinite(policy_rate) else None,
            "throttled": snapshot.throttled,
            "errors": snapshot.errors,
            "held_seconds": snapshot.held_seconds,
            "control": self.control.to_json(),
            **self._permits(),
            **self._details(),
            "time_shares": {str(activity): share for activity, share in snapshot.time_shares.items()},
            "workers": [
                {"number": w.number, "activity": w.activity, "seconds": w.seconds, "chunk": w.chunk}
                for w in self._pool.status()
            ],
        }

    def _permits(self) -> dict[str, Any]:
        if self._limiter is None:
            return {}
        rate = self._limiter.get_stats()
        return {
            "permits": rate.to_json(),
            "running_seconds": rate.use.running_seconds,
            "is_blocked": rate.is_blocked,
            "rate": rate.rate_json(self._clock()),
        }

    def _time_shares(self) -> Mapping[Activity, float]:
        seconds = self._pool.seconds_by_activity()
        total = sum(seconds.values())
        return {activity: spent / total for activity, spent in seconds.items()} if total else {}
