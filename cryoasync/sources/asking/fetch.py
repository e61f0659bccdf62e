"""A chunk on its way: the batches that are still asked about, and the answers that came."""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic

import msgspec
import structlog

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.isolation import Isolation
from cryoasync.control.troubles.retry import BatchHistory
from cryoasync.http.messages import NoResponse, Response
from cryoasync.models import Attempt, Entry, FailureKind, Span
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.asking.api import E

ABSENCES = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.INCOMPLETE})
"""Troubles that are an answer once a compound stands alone."""

_log = structlog.get_logger(__name__)

_KINDS = {ErrorCategory.GARBLED: FailureKind.DECODE, ErrorCategory.CHANGED: FailureKind.DECODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the source said of an id, in its own words, and when."""

    raw: msgspec.Raw
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The source answered, alone and twice, and knows nothing."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The id failed alone, and more than once."""

    kind: FailureKind
    message: str
    attempts: int


Answer = Found | Absent | Failed


@dataclass(slots=True, eq=False)
class Question:
    """A batch that is still to be settled, and what it met so far.

    ``rest`` is what must hold a culprit if this batch holds none, where it is part of one that fails.
    ``is_denied`` tells that the source said once that none of the batch exists.
    """

    entries: Sequence[Entry]
    history: BatchHistory
    priority: Priority = Priority.CONTINUE
    rest: Sequence[Entry] = ()
    due_at: float = -math.inf
    wants_probe: bool = False
    attempts: int = 0
    is_denied: bool = False

    @classmethod
    def of(cls, entries: Sequence[Entry], *, priority: Priority = Priority.CONTINUE) -> "Question":
        """Ask about ``entries`` for the first time."""
        return cls(entries, BatchHistory(len(entries)), priority)

    @property
    def is_retry(self) -> bool:
        """Whether it was asked before, and not to find a culprit: that is work of its own."""
        return self.attempts > 0 and not self.history.is_known_bad

    @property
    def ids(self) -> list[str]:
        """What is asked for."""
        return [entry.source_id for entry in self.entries]


@dataclass(slots=True)
class Fetch(Generic[E]):
    """The answers of one endpoint for one chunk of ``ids``, as they come in.

    ``lost`` are those of the ``errors`` that a compound failed for in the end.
    """

    endpoint: E
    ids: Sequence[str]
    report: ActivityReport
    isolation: Isolation[Entry]
    answers: dict[str, Answer] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    errors: Counter[ErrorCategory] = field(default_factory=Counter)
    lost: Counter[ErrorCategory] = field(default_factory=Counter)
    questions: deque[Question] = field(default_factory=deque)

    def next_question(self, now: float) -> Question | None:
        """Return what to ask about next: what is due, else what was left over, else what is due soonest."""
        chosen = next((question for question in self.questions if question.due_at <= now), None)
        if chosen is None and (parts := self.isolation.next_parts()):
            self.questions.extendleft(Question.of(part) for part in reversed(parts))
            chosen = self.questions[0]
        if chosen is None:
            chosen = min(self.questions, key=lambda question: question.due_at, default=None)
        if chosen is not None:
            self.questions.remove(chosen)
        return chosen

    def take_rows(self, question: Question, rows: Rows, response: Response) -> Trouble | None:
        """Keep the rows of the compounds asked for; where some lack, the question is narrowed to them.

        The batch passed, whatever lacks: a culprit is in the rest of it.
        """
        missing = []
        for entry in question.entries:
            raw = rows.by_id.get(entry.source_id)
            if raw is None:
                missing.append(entry)
            else:
                self.answers[entry.source_id] = Found(raw=raw, answered_at=response.answered_at)
        asked = len(question.entries)
        self.isolation.settled += asked - len(missing)
        self._blame(question.rest)
        question.rest = ()
        if rows.is_complete and question.is_denied:
            self._deny(missing)
            return None
        if not missing:
            return None
        question.is_denied = rows.is_complete
        if len(missing) < asked:
            question.entries, question.history = missing, BatchHistory(len(missing))
        message = f"{asked - len(missing)} of {asked} rows"
        return Trouble(category=ErrorCategory.INCOMPLETE, message=message, spoke=True)

    def _deny(self, entries: Sequence[Entry]) -> None:
        """Settle entries of which the source said twice that they do not exist."""
        self.isolation.settled += len(entries)
        for entry in entries:
            self.answers[entry.source_id] = Absent(
                reason="asked for twice: the source has nothing of this id"
            )

    def halve(self, question: Question) -> None:
        """Ask about each half of a batch for itself."""
        middle = len(question.entries) // 2
        self.isolation.put_back(question.rest)
        self.questions.extendleft(
            [Question.of(question.entries[middle:]), Question.of(question.entries[:middle])]
        )

    def isolate(self, question: Question) -> None:
        """Find the culprit in a batch; of what was left over when it was chosen nothing is known any more."""
        self.isolation.put_back(question.rest)
        self._blame(question.entries)

    def _blame(self, bad: Sequence[Entry]) -> None:
        """Go on with a batch, or a compound, that must hold a culprit."""
        if len(bad) == 1:
            self.questions.appendleft(Question(bad, BatchHistory(1, is_known_bad=True)))
        elif bad:
            part, rest = self.isolation.divide(bad)
            self.questions.appendleft(Question(part, BatchHistory(len(part), is_known_bad=True), rest=rest))

    def record(
        self,
        entries: Sequence[Entry],
        answer: Response | NoResponse,
        decision: str,
        *,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Keep and log one request: made for ``entries``, and naming ``ids`` where those are others."""
        ids = [entry.source_id for entry in entries] if ids is None else ids
        positions = [entry.position for entry in entries]
        status = answer.status if isinstance(answer, Response) else None
        _log.debug(
            "request",
            endpoint=self.endpoint.name,
            first_id=ids[0],
            ids=len(ids),
            status=status,
            seconds=round(answer.seconds, 3),
            decision=decision,
        )
        self.attempts.append(
            Attempt(
                endpoint=self.endpoint.name,
                span=Span(start=min(positions), stop=max(positions) + 1),
                first_id=ids[0],
                last_id=ids[-1],
                ids=len(ids),
                sent_at=answer.answered_at - timedelta(seconds=answer.seconds),
                seconds=answer.seconds,
                status=status,
                decision=decision,
            )
        )

    def give_up(self, question: Question, trouble: Trouble) -> None:
        """Settle the one compound of ``question``: as absent, or as failed."""
        (entry,) = question.entries
        self.isolation.put_back(question.rest)
        self.isolation.settled += 1
        if trouble.category in ABSENCES:
            self.answers[entry.source_id] = Absent(reason=f"asked for alone, twice: {trouble.message}")
            return
        self.isolation.culprits += 1
        self.lost.update(question.history.errors)
        self.answers[entry.source_id] = Failed(
            kind=_KINDS.get(trouble.category, FailureKind.POISON),
            message=trouble.message,
            attempts=question.attempts,
        )
