"""The permits that all workers share.

The permit log decides when a request may go out, within the rate that the answers so far make advisable; this
module waits for that moment, and hands it to who is next.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from cryoasync.control.rate.budget_store import BudgetStore
from cryoasync.control.rate.permit_desk import PermitDesk
from cryoasync.control.rate.permit_ledger import Permit, PermitLedger
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_headers import RateAdvice
from cryoasync.control.rate.rate_in_force import AdaptiveRate, RateInForce
from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.control.rate.rate_statistics import RateStatistics
from cryoasync.control.rate.throttle import Refusal, ThrottleBackoff
from cryoasync.ports import Clock

_log = structlog.get_logger(__name__)


class SharedRateLimiter:
    """Grants permits under a policy, in the order of their priorities.

    ``run`` must be running for anybody to get a permit, unless the policy is unlimited.
    """

    def __init__(
        self,
        host: str,
        policy: RatePolicy,
        stores: Sequence[BudgetStore],
        *,
        rate: AdaptiveRate | None = None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Share the budget of ``host`` with every process that uses one of ``stores``.

        Without ``rate`` the policy's own rate is used whatever the host says, but for what it asks to wait.
        """
        self._host = host
        self._policy = policy
        self._rate = RateInForce(policy, rate, clock=clock)
        self._clock = clock
        self._ledger = PermitLedger(host, policy, stores, clock=clock, rng=rng)
        self._desk = PermitDesk(self._ledger, self._rate, policy.tolerance_seconds, clock=clock)
        self._backoff = ThrottleBackoff(rng)
        self._is_blocked = False
        self._waited_seconds = 0.0
        self._used_at = float("-inf")

    async def wait(self, endpoint: str, priority: Priority = Priority.BEGIN) -> Permit:
        """Return a permit to send one request to ``endpoint`` at once.

        All endpoints share the host's budget. A cancelled wait leaves nothing behind: a permit granted in that
        moment is given back.
        """
        asked_at = self._clock()
        if self._policy.is_unlimited:
            while (open_at := self._open_at(endpoint)) > (now := self._clock()):  # noqa: ASYNC110 - it may grow
                await asyncio.sleep(open_at - now)
            return self._used(Permit(0, self._clock(), 0.0, endpoint), asked_at)
        return self._used(await self._desk.take(endpoint, asked_at + priority.value), asked_at)

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Account for the answer to a request, which took the server about ``running_seconds``."""
        if not self._policy.is_unlimited:
            self._desk.settle(permit, running_seconds)
            if permit.sending is not None:
                permit.sending.running_seconds = running_seconds

    def release(self, permit: Permit) -> None:
        """Give back a permit whose request never went out."""
        self._desk.endpoints[permit.endpoint].used -= 1
        if self._policy.is_unlimited:
            return
        self.unanswered(permit)
        self._desk.give_back(permit)

    def adjust_rate(
        self, headers: Mapping[str, str], permit: Permit | None, answered_at: datetime
    ) -> RateAdvice:
        """Slow down as the headers of an answer ask, and return what they say.

        Headers never raise the rate above the policy or above what is believed of the source.
        ``Retry-After`` is for a refusal, and acted on in :meth:`throttled`; until then quotas go after it.
        """
        advice, is_lower = self._rate.read(headers, permit, answered_at, self._ledger.budget_use)
        if is_lower:
            self._desk.lease_anew()
        return advice

    def throttled(self, permit: Permit | None, refusal: Refusal) -> float:
        """Slow down because of a refusal; return the seconds until requests go out again.

        The host is left alone for as long as it asks. After a block one single request goes out, and the others
        wait for its answer.
        """
        now = self._clock()
        if permit is not None:
            self._desk.endpoints[permit.endpoint].refused += 1
        if permit is not None and permit.sending is not None:
            self._rate.refused(permit.sending, refusal)
            self._desk.lease_anew()
            if not refusal.blocked and refusal.retry_after_seconds is None:
                # The rate is lower now, which is all that such a refusal asks for.
                return max(0.0, self._desk.hold_until - now)
        hold = self._backoff.refused(refusal, now)
        if hold is not None:
            self._hold(hold, refusal, now)
        return max(0.0, self._desk.hold_until - now)

    def accepted(self, permit: Permit | None, sent_at: float) -> None:
        """Learn of a good answer to a request sent at ``sent_at``, which also ends a row of refusals."""
        self._backoff.accepted(sent_at)
        self._is_blocked = False
        self.let_in(permit)

    def let_in(self, permit: Permit | None) -> None:
        """Learn that the host let a request in, whatever came of it."""
        if permit is not None and permit.sending is not None and self._rate.let_in(permit.sending):
            self._desk.lease_anew()

    def unanswered(self, permit: Permit | None) -> None:
        """Note that nothing was heard of whether the host let a request in."""
        if permit is not None and permit.sending is not None:
            self._rate.lost(permit.sending)

    def set_ceiling(self, requests_per_second: float | None) -> None:
        """Let no more go out than so many a second from now on; it never raises what the policy allows."""
        self._rate.ceiling = requests_per_second
        self._desk.lease_anew()

    @property
    def requests_per_second(self) -> float:
        """How many requests go out in a second at the moment; infinite where nothing limits them."""
        return self._rate.policy().requests_per_second

    def get_stats(self) -> RateStatistics:
        """Return what the limiter did so far, and how it stands."""
        now = self._clock()
        return RateStatistics(
            endpoints=dict(self._desk.endpoints),
            expired=self._desk.expired,
            waited_seconds=self._waited_seconds,
            held_seconds=max(0.0, self._desk.hold_until - now),
            is_blocked=self._is_blocked,
            use=self._policy.own_part(self._ledger.budget_use()),
            **self._rate.told(),
        )

    async def run(self) -> None:
        """Grant permits until cancelled.

        While a budget store is out of reach no permit is granted.

        Raises:
            DatabaseError: a budget store refuses for a reason that waiting does not mend.
        """
        if not self._policy.is_unlimited:
            await self._desk.run()

    def _used(self, permit: Permit, asked_at: float) -> Permit:
        """Count a permit that is used now."""
        now = self._clock()
        self._desk.endpoints[permit.endpoint].used += 1
        self._waited_seconds += now - asked_at
        self._used_at = now
        permit.sequence = self._rate.headers.sent(permit.endpoint)
        permit.sending = self._rate.sent()
        return permit

    def _hold(self, seconds: float, refusal: Refusal, now: float) -> None:
        """Leave the host alone; after a block one single request tells whether it is over."""
        self._is_blocked = refusal.blocked
        self._desk.hold(now + seconds, probe=refusal.blocked)
        if refusal.blocked:
            _log.warning(
                "address blocked by the source", host=self._host, left_alone_seconds=round(seconds, 1)
            )

    def _open_at(self, endpoint: str) -> float:
        """Return the moment from which on ``endpoint`` may be asked, the policy left out."""
        now = self._clock()
        ceiling = self._rate.ceiling
        paced_at = now if ceiling is None else self._used_at + 1 / ceiling
        return max(self._desk.hold_until, paced_at, self._rate.headers.closed_until(endpoint, now))
