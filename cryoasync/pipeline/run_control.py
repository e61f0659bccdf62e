"""A run at work as it can be changed from outside: paused, resumed, slowed down."""

from typing import Any

from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.models import RunOrders
from cryoasync.pipeline.worker_pool import WorkerPool


class RunControl:
    """Follows orders, which say how the run should be, not what to do: to follow them twice changes nothing."""

    def __init__(
        self,
        pool: WorkerPool,
        limiter: SharedRateLimiter | None,
        breaker: SharedCircuitBreaker | None = None,
    ) -> None:
        """Steer a pool, and limiter and circuits where there is a source to ask."""
        self._pool = pool
        self._limiter = limiter
        self._breaker = breaker
        self._orders = RunOrders()

    def follow(self, orders: RunOrders) -> bool:
        """Do as ``orders`` say; return whether anything changed."""
        before, self._orders = self._orders, orders
        if orders == before:
            return False
        if orders.paused:
            self._pool.gate.close()
        else:
            self._pool.gate.open()
        if self._limiter is not None and orders.max_rate != before.max_rate:
            self._limiter.set_ceiling(orders.max_rate)
        if self._breaker is not None and orders.breaker_resets != before.breaker_resets:
            self._breaker.reset("reset by hand")
        return True

    def to_json(self) -> dict[str, Any]:
        """Return the orders that are followed, and how far a pause is."""
        return {
            **self._orders.to_json(),
            "drained": self._orders.paused and self._pool.is_drained,
            "can_set_rate": self._limiter is not None,
            "can_reset_breaker": self._breaker is not None,
        }
