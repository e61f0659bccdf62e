"""Asks PUG REST for a chunk of compounds until each of them is settled.

The only place, with :mod:`answers` and :mod:`records`, that knows PubChem's URLs and JSON.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import msgspec

from cryoasync.control.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.error_category import ErrorCategory
from cryoasync.control.rate_limiter import Priority, SharedRateLimiter
from cryoasync.control.retry import Decision
from cryoasync.control.throttle import Refusal
from cryoasync.control.traffic import Traffic
from cryoasync.errors import SettingsError
from cryoasync.http.reach import Reach
from cryoasync.http.transport import NoResponse, Response, Transport
from cryoasync.models import Activity, Entry
from cryoasync.ports import ActivityReport
from cryoasync.sources.pubchem.answers import Rows, Trouble, read_answer
from cryoasync.sources.pubchem.endpoints import Endpoint
from cryoasync.sources.pubchem.fetch import ABSENCES, Fetch, Found, Question
from cryoasync.sources.pubchem.records import read_cid

REFERENCE_CIDS = ("2244", "962")
"""Aspirin and water: one of them is asked for alone to tell a sick server from a poisonous batch."""

_THROTTLES = frozenset({ErrorCategory.THROTTLED, ErrorCategory.BLOCKED})
_LET_IN = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.REJECTED, ErrorCategory.TOO_BIG})
"""What PubChem says of a request that it worked on."""


class PubChemClient:
    """Fetches by POST, a chunk a request; every attempt takes a permit of its own."""

    def __init__(
        self,
        base_url: str,
        transport: Transport,
        limiter: SharedRateLimiter,
        reach: Reach,
        sizer: AdaptiveChunkSizer,
        *,
        traffic: Traffic,
        rng: random.Random,
    ) -> None:
        """Ask below ``base_url``; ``reach`` decides when it is out of reach for too long."""
        self._base_url = base_url
        self._transport = transport
        self._limiter = limiter
        self._reach = reach
        self._sizer = sizer
        self._traffic = traffic
        self._rng = rng
        self._passed: Counter[Endpoint] = Counter()

    async def fetch(self, endpoint: Endpoint, entries: Sequence[Entry], report: ActivityReport) -> Fetch:
        """Return an answer for each of ``entries``, and the requests that it took.

        Raises:
            SourceError: the source is out of reach beyond the patience, or never spoke PUG REST.
            SettingsError: PubChem does not know a property asked for.
        """
        fetch = Fetch(endpoint=endpoint, report=report)
        fetch.questions.append(Question.of(entries))
        while fetch.questions:
            await self._ask(fetch, fetch.questions.popleft())
        self._traffic.recover(fetch.errors - fetch.lost)
        return fetch

    async def _ask(self, fetch: Fetch, question: Question) -> None:
        asked = question.entries
        answer = await self._post(fetch, [entry.source_id for entry in asked])
        question.attempts += 1
        told = read_answer(answer)
        self._sizer.record_result(len(asked), told.category if isinstance(told, Trouble) else None)
        trouble: Trouble | None
        if isinstance(told, Rows) and isinstance(answer, Response):
            trouble = self._take_rows(fetch, question, told, answer)
        else:
            assert isinstance(told, Trouble)
            trouble = told
            self._meet(fetch, trouble, answer)
        if trouble is None:
            fetch.record(asked, answer, "rows")
            return
        cure = self._decide(fetch, question, trouble)
        fetch.record(asked, answer, f"{trouble.category}, {cure.name.lower()}: {trouble.message}")
        await self._carry_out(cure, fetch, question, trouble)

    async def _post(self, fetch: Fetch, ids: Sequence[str]) -> Response | NoResponse:
        is_first = not fetch.attempts
        answer = await self._transport.post(
            f"{self._base_url}/{fetch.endpoint.path}",
            {"cid": ",".join(ids)},
            fetch.report,
            fetch.endpoint.priority if is_first else Priority.CONTINUE,
        )
        if answer.sent_at is not None:
            self._traffic.sent(answer.sent_at, retry=not is_first)
        return answer

    def _take_rows(self, fetch: Fetch, question: Question, rows: Rows, response: Response) -> Trouble | None:
        """Keep the rows of the compounds asked for; where some lack, narrow the question to them."""
        self._pass_through(fetch.endpoint, response)
        asked = {entry.source_id for entry in question.entries}
        for raw in rows.rows:
            source_id = _source_id(raw)
            if source_id in asked:
                fetch.answers[source_id] = Found(raw=raw, answered_at=response.answered_at)
        missing = [entry for entry in question.entries if entry.source_id not in fetch.answers]
        if not missing:
            return None
        if len(missing) < len(question.entries):
            question.narrow_to(missing)
        fetch.errors[ErrorCategory.INCOMPLETE] += 1
        self._traffic.met(ErrorCategory.INCOMPLETE)
        return Trouble(
            category=ErrorCategory.INCOMPLETE,
            message=f"{len(asked) - len(missing)} of {len(asked)} rows",
            spoke=True,
        )

    def _pass_through(self, endpoint: Endpoint, response: Response) -> None:
        """Tell everybody of an answer with rows."""
        self._passed[endpoint] += 1
        self._limiter.accepted(response.permit, response.sent_at)
        self._reach.passed_through(response.headers)

    def _meet(self, fetch: Fetch, trouble: Trouble, answer: Response | NoResponse) -> None:
        """Tell the limiter and the reach of a trouble.

        Raises:
            SourceError: that was one too many.
            SettingsError: PubChem does not know a property asked for.
        """
        if trouble.category is ErrorCategory.REJECTED and "Invalid property" in trouble.message:
            raise SettingsError(
                f"PubChem refuses the properties asked for: {trouble.message}",
                hint="Check the names given with --properties; they are case-sensitive.",
            )
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

    def _decide(self, fetch: Fetch, question: Question, trouble: Trouble) -> Decision:
        passed = self._passed[fetch.endpoint]
        is_healthy = passed > question.passed_before
        question.passed_before = passed
        return question.history.decide(trouble.category, host_is_healthy=is_healthy)

    async def _carry_out(self, cure: Decision, fetch: Fetch, question: Question, trouble: Trouble) -> None:
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

    async def _probe(self, fetch: Fetch, question: Question) -> None:
        """Ask for a compound that is there, so that a sick server is told from a poisonous batch."""
        suspects = {entry.source_id for entry in question.entries}
        reference = next((cid for cid in REFERENCE_CIDS if cid not in suspects), REFERENCE_CIDS[0])
        answer = await self._post(fetch, [reference])
        told = read_answer(answer)
        if isinstance(told, Rows) and isinstance(answer, Response):
            self._pass_through(fetch.endpoint, answer)
            decision = "probe: rows"
        else:
            assert isinstance(told, Trouble)
            self._meet(fetch, told, answer)
            decision = f"probe: {told.category}: {told.message}"
        fetch.record(question.entries, answer, decision, ids=[reference])


def _source_id(raw: msgspec.Raw) -> str | None:
    try:
        return str(read_cid(raw))
    except ValueError:
        return None
