"""One attempt at a source: it goes out when every guard lets it, and none forgets about it whatever happens."""

import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Generic

from cryoasync.control.circuit.circuit_breaker import Pass
from cryoasync.control.concurrency.concurrency_gate import Place
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_treatment import TREATMENTS, Vote
from cryoasync.http.messages import NoResponse, Response, Ticket
from cryoasync.models import Activity
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.asking.api import Api, E
from cryoasync.sources.asking.guards import Guards

_THROTTLES = frozenset({ErrorCategory.THROTTLED, ErrorCategory.BLOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer: what came, what it says, and the pass by which it was asked for, which waits for a verdict."""

    answer: Response | NoResponse
    says: Rows | Trouble
    given: Pass


class Exchanges(Generic[E]):
    """Sends requests through an API, as soon as circuit, gate and limiter let them go out."""

    def __init__(self, api: Api[E], guards: Guards) -> None:
        """Ask through ``api``."""
        self._api = api
        self._guards = guards

    async def ask(
        self,
        endpoint: E,
        ids: Sequence[str],
        *,
        report: ActivityReport,
        priority: Priority,
        retry: bool,
    ) -> Told:
        """Send one request for ``ids``, and return its answer.

        Raises:
            SettingsError: the source knows nothing of what was asked for, whatever the ids.
        """
        told = None
        while told is None:
            told = await self._attempt(endpoint, ids, report, priority, retry=retry)
        answer, guards = told.answer, self._guards
        if isinstance(answer, Response):
            guards.limiter.adjust_rate(answer.headers, answer.permit, answer.answered_at)
        if answer.sent_at is not None:
            guards.traffic.sent(answer.sent_at, retry=retry)
        return told

    async def _attempt(
        self, endpoint: E, ids: Sequence[str], report: ActivityReport, priority: Priority, *, retry: bool
    ) -> Told | None:
        """Send the request, unless the circuit opens while it waits for its turn.

        Only a first attempt is given up early where it seems to hang: some questions take long each time.
        """
        guards = self._guards
        if guards.breaker.is_open(endpoint.name):
            report(Activity.HELD)
        given = await guards.breaker.wait(endpoint.name)
        expected_seconds = guards.times.expected_seconds(endpoint.name, len(ids))
        try:
            async with AsyncExitStack() as stack:
                place = None
                if guards.gate is not None:
                    report(Activity.WAITING_FOR_PERMIT)
                    place = await stack.enter_async_context(
                        guards.gate.place(len(ids), patience_seconds=priority.value)
                    )
                ticket = Ticket(
                    endpoint=endpoint.name,
                    report=report,
                    priority=priority,
                    timeout_seconds=math.inf if place is None or retry else place.deadline_seconds,
                    may_send=lambda: guards.breaker.begin(given, expected_seconds=expected_seconds),
                )
                answer = await self._api.send(endpoint, ids, ticket)
                if answer is None:
                    guards.breaker.withdraw(given)
                    return None
                says = self._api.read(endpoint, answer)
                if place is not None:
                    _tell_place(place, answer, says)
        except BaseException:
            guards.breaker.withdraw(given)
            raise
        return Told(answer=answer, says=says, given=given)


def _tell_place(place: Place, answer: Response | NoResponse, says: Rows | Trouble) -> None:
    """Tell how a request ended; what a source says at once, such as that it knows nothing, teaches no time."""
    if isinstance(says, Rows):
        place.answered(answer.seconds)
    elif says.category in _THROTTLES:
        place.refused()
    elif isinstance(answer, NoResponse) and answer.sent_at is not None and answer.is_timeout:
        place.lost(answer.seconds)
    elif TREATMENTS[says.category].breaker is not Vote.SUCCESS or says.category is ErrorCategory.GARBLED:
        place.failed()
