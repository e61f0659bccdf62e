"""Asks a source for a chunk of ids until each of them is settled, whatever the source."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Generic

from cryoasync.control.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.concurrency_gate import ConcurrencyGate, Place
from cryoasync.control.error_category import ErrorCategory
from cryoasync.control.permit_queue import Priority
from cryoasync.control.rate_limiter import SharedRateLimiter
from cryoasync.control.retry import Decision
from cryoasync.control.throttle import Refusal
from cryoasync.control.traffic import Traffic
from cryoasync.http.reach import Reach
from cryoasync.http.transport import NoResponse, Response
from cryoasync.models import Activity, Entry
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.asking.api import Api, E
from cryoasync.sources.asking.fetch import ABSENCES, Fetch, Found, Question

_THROTTLES = frozenset({ErrorCategory.THROTTLED, ErrorCategory.BLOCKED})
_LET_IN = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.REJECTED, ErrorCategory.TOO_BIG})
"""What a source says of a request that it worked on."""
_FAULTS_OF_THE_SERVER = frozenset(
    {ErrorCategory.OVERLOADED, ErrorCategory.UNREACHABLE, ErrorCategory.TOO_BIG, ErrorCategory.GARBLED}
)


class SourceClient(Generic[E]):
    """Asks for a chunk in one request; every attempt takes a permit of its own."""

    def __init__(
        self,
        api: Api[E],
        limiter: SharedRateLimiter,
        reach: Reach,
        sizer: AdaptiveChunkSizer,
        *,
        gate: ConcurrencyGate | None = None,
        traffic: Traffic,
        rng: random.Random,
    ) -> None:
        """Ask through ``api``; ``reach`` decides when it is out of reach for too long.

        Where a source states no quota, ``gate`` finds out how many requests it bears at a time.
        """
        self._api = api
        self._limiter = limiter
        self._reach = reach
        self._sizer = sizer
        self._gate = gate
        self._traffic = traffic
        self._rng = rng
        self._passed: Counter[str] = Counter()

    async def fetch(self, endpoint: E, entries: Sequence[Entry], report: ActivityReport) -> Fetch[E]:
        """Return an answer for each of ``entries``, and the requests that it took.

        Raises:
            SourceError: the source is out of reach beyond the patience, or never spoke its API.
            SettingsError: the source knows nothing of what was asked for, whatever the ids.
        """
        fetch = Fetch(endpoint=endpoint, report=report)
        fetch.questions.append(Question.of(entries))
        while fetch.questions:
            await self._ask(fetch, fetch.questions.popleft())
        self._traffic.recover(fetch.errors - fetch.lost)
        return fetch

    async def _ask(self, fetch: Fetch[E], question: Question) -> None:
        asked = question.entries
        answer, told = await self._exchange(fetch, [entry.source_id for entry in asked])
        question.attempts += 1
        self._sizer.record_result(len(asked), told.category if isinstance(told, Trouble) else None)
        trouble: Trouble | None
        if isinstance(told, Rows):
            assert isinstance(answer, Response)
            trouble = self._take_rows(fetch, question, told, answer)
        else:
            trouble = told
            self._meet(fetch, trouble, answer)
        if trouble is None:
            fetch.record(asked, answer, "rows")
            return
        cure = self._decide(fetch, question, trouble)
        fetch.record(asked, answer, f"{trouble.category}, {cure.name.lower()}: {trouble.message}")
        await self._carry_out(cure, fetch, question, trouble)

    async def _exchange(
        self, fetch: Fetch[E], ids: Sequence[str], priority: Priority | None = None
    ) -> tuple[Response | NoResponse, Rows | Trouble]:
        if priority is None:
            priority = Priority.CONTINUE if fetch.attempts else fetch.endpoint.priority
        if self._gate is None:
            return await self._send(fetch, ids, priority, math.inf)
        fetch.report(Activity.WAITING_FOR_PERMIT)
        async with self._gate.place(len(ids), patience_seconds=priority.value) as place:
            answer, told = await self._send(fetch, ids, priority, place.deadline_seconds)
            _tell_place(place, answer, told)
        return answer, told

    async def _send(
        self, fetch: Fetch[E], ids: Sequence[str], priority: Priority, timeout_seconds: float
    ) -> tuple[Response | NoResponse, Rows | Trouble]:
        answer = await self._api.send(
            fetch.endpoint, ids, fetch.report, priority, timeout_seconds=timeout_seconds
        )
        if isinstance(answer, Response):
            self._limiter.adjust_rate(answer.headers, answer.permit, answer.answered_at)
        if answer.sent_at is not None:
            self._traffic.sent(answer.sent_at, retry=bool(fetch.attempts))
        return answer, self._api.read(fetch.endpoint, answer)

    def _take_rows(
        self, fetch: Fetch[E], question: Question, rows: Rows, response: Response
    ) -> Trouble | None:
        """Keep the rows of the compounds asked for; where some lack, narrow the question to them."""
        self._pass_through(fetch.endpoint, response)
        asked = len(question.entries)
        missing = []
        for entry in question.entries:
            raw = rows.by_id.get(entry.source_id)
            if raw is None:
                missing.append(entry)
            else:
                fetch.answers[entry.source_id] = Found(raw=raw, answered_at=response.answered_at)
        if not missing:
            return None
        if len(missing) < asked:
            question.narrow_to(missing)
        fetch.errors[ErrorCategory.INCOMPLETE] += 1
        self._traffic.met(ErrorCategory.INCOMPLETE)
        return Trouble(
            category=ErrorCategory.INCOMPLETE, message=f"{asked - len(missing)} of {asked} rows", spoke=True
        )

    def _pass_through(self, endpoint: E, response: Response) -> None:
        """Tell everybody of an answer with rows."""
        self._passed[endpoint.name] += 1
        self._limiter.accepted(response.permit, response.sent_at)
        self._reach.passed_through(response.headers)

    def _meet(self, fetch: Fetch[E], trouble: Trouble, answer: Response | NoResponse) -> None:
        """Tell the limiter and the reach of a trouble.

        Raises:
            SourceError: that was one too many.
        """
        fetch.errors[trouble.category] += 1
        self._traffic.met(trouble.category)
        if answer.sent_at is not None:
            self._tell_limiter(trouble, answer, answer.sent_at)
        if trouble.spoke and trouble.category in ABSENCES | {ErrorCategory.REJECTED}:
            self._reach.spoke()
        else:
            self._reach.failed(trouble.message, spoke=trouble.spoke)

    def _tell_limiter(self, trouble: Trouble, answer: Response | NoResponse, sent_at: float) -> None:
        if trouble.category in _THROTTLES:
            refusal = Refusal(
                sent_at=sent_at,
                retry_after_seconds=trouble.retry_after_seconds,
                blocked=trouble.category is ErrorCategory.BLOCKED,
            )
            self._limiter.throttled(answer.permit, refusal)
        elif trouble.spoke and trouble.category in _LET_IN:
            self._limiter.let_in(answer.permit)
        else:
            self._limiter.unanswered(answer.permit)

    def _decide(self, fetch: Fetch[E], question: Question, trouble: Trouble) -> Decision:
        passed = self._passed[fetch.endpoint.name]
        is_healthy = passed > question.passed_before
        question.passed_before = passed
        return question.history.decide(trouble.category, host_is_healthy=is_healthy)

    async def _carry_out(self, cure: Decision, fetch: Fetch[E], question: Question, trouble: Trouble) -> None:
        if cure is Decision.SPLIT:
            fetch.questions.extendleft(reversed(question.halves()))
        elif cure is Decision.GIVE_UP:
            fetch.give_up(question, trouble)
        else:
            fetch.report(Activity.BACKING_OFF)
            await asyncio.sleep(self._pause_seconds(question, trouble))
            if cure is Decision.PROBE:
                await self._probe(fetch, question)
            fetch.questions.appendleft(question)

    def _pause_seconds(self, question: Question, trouble: Trouble) -> float:
        backoff = question.history.backoff_seconds(trouble.category, self._rng)
        if trouble.category in _THROTTLES:
            # The limiter keeps everybody away, for as long as Retry-After asks.
            return backoff
        return max(backoff, trouble.retry_after_seconds or 0.0)

    async def _probe(self, fetch: Fetch[E], question: Question) -> None:
        """Ask for what is there, so that a sick server is told from a poisonous batch."""
        suspects = {entry.source_id for entry in question.entries}
        known = self._api.reference_ids(fetch.endpoint)
        reference = next((each for each in known if each not in suspects), known[0])
        answer, told = await self._exchange(fetch, [reference], Priority.LOOK_UP)
        if isinstance(told, Rows):
            assert isinstance(answer, Response)
            self._pass_through(fetch.endpoint, answer)
            decision = "probe: rows"
        else:
            self._meet(fetch, told, answer)
            decision = f"probe: {told.category}: {told.message}"
        fetch.record(question.entries, answer, decision, ids=[reference])


def _tell_place(place: Place, answer: Response | NoResponse, told: Rows | Trouble) -> None:
    """Tell how a request ended; what a source says at once, such as that it knows nothing, teaches no time."""
    if isinstance(told, Rows):
        place.answered(answer.seconds)
    elif told.category in _THROTTLES:
        place.refused()
    elif isinstance(answer, NoResponse) and answer.sent_at is not None and answer.is_timeout:
        place.lost(answer.seconds)
    elif told.category in _FAULTS_OF_THE_SERVER:
        place.failed()
