"""Hands each leased permit, when its moment has come, to whoever is next in the queue."""

import asyncio
import math
from collections import defaultdict

from cryoasync.control.rate.permit_leases import Demand, PermitLeases
from cryoasync.control.rate.permit_ledger import Permit, PermitLedger
from cryoasync.control.rate.permit_queue import PermitQueue, Waiter
from cryoasync.control.rate.rate_in_force import RateInForce
from cryoasync.control.rate.rate_policy import NANOSECONDS
from cryoasync.control.rate.rate_statistics import EndpointPermits
from cryoasync.ports import Clock


class PermitDesk:
    """Where requests wait for permits; ``run`` must be running for anybody to get one.

    ``endpoints`` counts what became of the permits.
    """

    def __init__(
        self, ledger: PermitLedger, rate: RateInForce, tolerance_seconds: float, *, clock: Clock
    ) -> None:
        """Lease from ``ledger`` at ``rate``; a permit later than ``tolerance_seconds`` is not used any more."""
        self.endpoints: defaultdict[str, EndpointPermits] = defaultdict(EndpointPermits)
        self.hold_until = 0.0
        self._ledger = ledger
        self._rate = rate
        self._tolerance_seconds = tolerance_seconds
        self._clock = clock
        self._queue = PermitQueue()
        self._leases = PermitLeases(
            ledger, self._demand, self._look_again, tolerance_seconds=tolerance_seconds, clock=clock
        )
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._probe_wanted = False
        self._probe: int | None = None

    async def run(self) -> None:
        """Grant permits until cancelled; while a budget store is out of reach none is granted.

        Raises:
            DatabaseError: a budget store refuses for a reason that waiting does not mend.
        """
        try:
            await self._leases.keep()
        finally:
            self._leases.give_back()

    async def take(self, endpoint: str, deadline: float) -> Permit:
        """Return a permit that is used now; who has the earliest ``deadline`` is next."""
        while True:
            permit = await self._next(endpoint, deadline)
            if self._clock() <= permit.granted_at + self._tolerance_seconds:
                self._ledger.use(permit)
                return permit
            self.give_back(permit)

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Account for the answer to a request."""
        self._ledger.settle(permit, running_seconds)
        self._end_probe(permit, answered=True)

    def give_back(self, permit: Permit) -> None:
        """Take back a permit whose request did not go out."""
        self._ledger.void(permit.number)
        self.endpoints[permit.endpoint].wasted += 1
        self._end_probe(permit, answered=False)

    def hold(self, until: float, *, probe: bool) -> None:
        """Grant nothing before ``until``; with ``probe``, then one permit alone, until its request is answered."""
        self.hold_until = max(self.hold_until, until)
        self._probe_wanted, self._probe = probe, None
        self.lease_anew()

    def lease_anew(self) -> None:
        """Take back what was leased while more was allowed than is now."""
        self._leases.give_back()

    @property
    def expired(self) -> int:
        """Permits that nobody wanted, or could take, when their moment came."""
        return self._leases.expired

    async def _next(self, endpoint: str, deadline: float) -> Permit:
        waiter = self._queue.add(endpoint, deadline)
        self._leases.want()
        self._look_again()
        try:
            return await waiter.permit
        except asyncio.CancelledError:
            if waiter.permit.cancelled():
                self._queue.give_up(waiter)
            else:
                self.give_back(waiter.permit.result())
            raise

    def _look_again(self) -> None:
        """Look at the queue when the first slot is due, if there is one."""
        delay = self._leases.seconds_until_due()
        if delay is not None:
            self._look_in(delay)

    def _look_in(self, seconds: float) -> None:
        """Look at the queue after ``seconds``; where that is to be done earlier already, it is seen to then."""
        rings_at = self._clock() + seconds
        if rings_at < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at = rings_at
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Grant what is due, and look again when more may be."""
        self._timer, self._rings_at = None, math.inf
        while self._probe is None:
            delay = self._leases.seconds_until_due()
            if delay is None:
                self._leases.want()
                return
            if delay > 0:
                self._look_in(delay)
                return
            waiter = self._queue.next(self._is_open)
            if waiter is None:
                self._look_when_one_opens()
                return
            self._grant(waiter)

    def _look_when_one_opens(self) -> None:
        """Look at the queue when an endpoint opens that is closed and waited for."""
        now = self._clock()
        opening = [self._rate.headers.closed_until(each, now) for each in self._queue.endpoints()]
        opens_at = min((at for at in opening if at > now), default=None)
        if opens_at is not None:
            self._look_in(opens_at - now)

    def _grant(self, waiter: Waiter) -> None:
        slot = self._leases.take()
        if self._probe_wanted:
            self._probe = slot.number
        due = slot.at / NANOSECONDS
        self._queue.grant(waiter, Permit(slot.number, due, self._ledger.expected_seconds, waiter.endpoint))

    def _end_probe(self, permit: Permit, *, answered: bool) -> None:
        """Let the others go once the single request is answered; where it never went out, wait for another."""
        if self._probe == permit.number:
            self._probe_wanted, self._probe = not answered, None
            self._leases.want()
            self._look_again()

    def _is_open(self, endpoint: str) -> bool:
        now = self._clock()
        return self._rate.headers.closed_until(endpoint, now) <= now

    def _demand(self) -> Demand:
        """Return what there is to lease for; nothing is leased for closed endpoints until they open."""
        self._look_when_one_opens()
        return Demand(
            waiting=self._queue.waiting(self._is_open),
            policy=self._rate.policy(),
            hold_until=self.hold_until,
        )
