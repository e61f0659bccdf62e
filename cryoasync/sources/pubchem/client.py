"""Asks PUG REST for a chunk of compounds until each of them is settled.

The only place, with :mod:`answers` and :mod:`records`, that knows PubChem's URLs and JSON.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from cryoasync.control.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.error_category import ErrorCategory
from cryoasync.control.rate_limiter import Priority, SharedRateLimiter
from cryoasync.control.retry import BatchHistory, Decision
from cryoasync.control.throttle import Refusal
from cryoasync.control.traffic import Traffic
from cryoasync.errors import SettingsError
from cryoasync.http.reach import Reach
from cryoasync.http.transport import NoResponse, Response, Transport
from cryoasync.models import Activity, Attempt, Entry, FailureKind, Span
from cryoasync.ports import ActivityReport
from cryoasync.sources.pubchem.answers import Rows, Trouble, read_answer
from cryoasync.sources.pubchem.endpoints import Endpoint
from cryoasync.sources.pubchem.records import read_cid

REFERENCE_CID = "2244"
"""Aspirin: asked for alone to tell a sick server from a poisonous batch."""

_THROTTLES = frozenset({ErrorCategory.THROTTLED, ErrorCategory.BLOCKED})
_ABSENCES = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.INCOMPLETE})
_KINDS = {ErrorCategory.GARBLED: FailureKind.DECODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What PubChem said of a CID, in its own words, and when."""

    raw: msgspec.Raw
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """PubChem answered, alone and twice, and knows nothing."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The CID failed alone, and more than once."""

    kind: FailureKind
    message: str
    attempts: int


Answer = Found | Absent | Failed


@dataclass(slots=True)
class _Question:
    """A batch that is still to be settled, and what it met so far."""

    entries: Sequence[Entry]
    history: BatchHistory
    passed_before: int
    attempts: int = 0


@dataclass(slots=True)
class Fetch:
    """The answers of one endpoint for one chunk, as they come in."""

    endpoint: Endpoint
    report: ActivityReport
    answers: dict[str, Answer] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    errors: Counter[ErrorCategory] = field(default_factory=Counter)
    lost: Counter[ErrorCategory] = field(default_factory=Counter)
    questions: deque[_Question] = field(default_factory=deque)


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

    async def fetch(self, endpoint: Endpoint, entries: Sequence[Entry], report: ActivityReport) -> Fetch:
        """Return an answer for each of ``entries``, and the requests that it took.

        Raises:
            SourceError: the source is out of reach beyond the patience, or never spoke PUG REST.
            SettingsError: PubChem does not know a property asked for.
        """
        fetch = Fetch(endpoint=endpoint, report=report)
        fetch.questions.append(self._question(entries))
        while fetch.questions:
            await self._ask(fetch, fetch.questions.popleft())
        self._traffic.recover(fetch.errors - fetch.lost)
        return fetch

    def _question(self, entries: Sequence[Entry]) -> _Question:
        return _Question(entries, BatchHistory(len(entries)), self._reach.passed)

    async def _ask(self, fetch: Fetch, question: _Question) -> None:
        ids = [entry.source_id for entry in question.entries]
        answer = await self._post(fetch, ids)
        question.attempts += 1
        told = read_answer(answer)
        self._sizer.record_result(len(ids), told.category if isinstance(told, Trouble) else None)
        if isinstance(told, Rows) and isinstance(answer, Response):
            category, decision = self._take_rows(fetch, question, told, answer), "rows"
        else:
            assert isinstance(told, Trouble)
            category, decision = self._meet(fetch, told, answer), told.message
        if category is None:
            fetch.attempts.append(_attempt(fetch.endpoint, question.entries, answer, decision))
            return
        cure = await self._cure(fetch, question, category, decision)
        fetch.attempts.append(
            _attempt(fetch.endpoint, question.entries, answer, f"{category}, {cure.name.lower()}: {decision}")
        )

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

    def _take_rows(
        self, fetch: Fetch, question: _Question, rows: Rows, response: Response
    ) -> ErrorCategory | None:
        """Keep the rows of the compounds asked for; return INCOMPLETE and narrow the question where some lack."""
        self._limiter.accepted(response.sent_at)
        self._reach.passed_through(response.headers)
        asked = {entry.source_id for entry in question.entries}
        for raw in rows.rows:
            source_id = _source_id(raw)
            if source_id in asked:
                fetch.answers[source_id] = Found(raw=raw, answered_at=response.answered_at)
        missing = [entry for entry in question.entries if entry.source_id not in fetch.answers]
        if not missing:
            return None
        if len(missing) < len(question.entries):
            question.entries, question.history = missing, BatchHistory(len(missing))
        fetch.errors[ErrorCategory.INCOMPLETE] += 1
        self._traffic.met(ErrorCategory.INCOMPLETE)
        return ErrorCategory.INCOMPLETE

    def _meet(self, fetch: Fetch, trouble: Trouble, answer: Response | NoResponse) -> ErrorCategory:
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
        if trouble.category in _THROTTLES and answer.sent_at is not None:
            blocked = trouble.category is ErrorCategory.BLOCKED
            self._limiter.throttled(
                Refusal(
                    sent_at=answer.sent_at, retry_after_seconds=trouble.retry_after_seconds, blocked=blocked
                )
            )
        if trouble.spoke and trouble.category in _ABSENCES | {ErrorCategory.REJECTED}:
            self._reach.spoke()
        else:
            self._reach.failed(trouble.message, spoke=trouble.spoke)
        return trouble.category

    async def _cure(
        self, fetch: Fetch, question: _Question, category: ErrorCategory, message: str
    ) -> Decision:
        healthy = self._reach.passed > question.passed_before
        cure = question.history.decide(category, host_is_healthy=healthy)
        if cure is Decision.SPLIT:
            middle = len(question.entries) // 2
            halves = (question.entries[:middle], question.entries[middle:])
            fetch.questions.extendleft(self._question(half) for half in reversed(halves))
            return cure
        if cure is Decision.GIVE_UP:
            fetch.lost[category] += 0 if category in _ABSENCES else question.history.errors[category]
            (entry,) = question.entries
            fetch.answers[entry.source_id] = _last_word(category, message, question.attempts)
            return cure
        fetch.report(Activity.BACKING_OFF)
        await asyncio.sleep(question.history.backoff_seconds(category, self._rng))
        if cure is Decision.PROBE:
            await self._probe(fetch)
        fetch.questions.appendleft(question)
        return cure

    async def _probe(self, fetch: Fetch) -> None:
        """Ask for a compound that is there, so that a sick server is told from a poisonous batch."""
        answer = await self._post(fetch, [REFERENCE_CID])
        if isinstance(read_answer(answer), Rows) and isinstance(answer, Response):
            self._reach.passed_through(answer.headers)


def _source_id(raw: msgspec.Raw) -> str | None:
    try:
        return str(read_cid(raw))
    except ValueError:
        return None


def _last_word(category: ErrorCategory, message: str, attempts: int) -> Answer:
    if category in _ABSENCES:
        return Absent(reason=f"asked for alone, twice: {message}")
    return Failed(kind=_KINDS.get(category, FailureKind.POISON), message=message, attempts=attempts)


def _attempt(
    endpoint: Endpoint, entries: Sequence[Entry], answer: Response | NoResponse, decision: str
) -> Attempt:
    return Attempt(
        endpoint=endpoint.name,
        span=Span(
            start=min(entry.position for entry in entries), stop=max(entry.position for entry in entries) + 1
        ),
        first_id=entries[0].source_id,
        last_id=entries[-1].source_id,
        ids=len(entries),
        sent_at=answer.answered_at - timedelta(seconds=answer.seconds),
        seconds=answer.seconds,
        status=answer.status if isinstance(answer, Response) else None,
        decision=decision,
    )
