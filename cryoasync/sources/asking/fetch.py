"""A chunk on its way: the batches that are still asked about, and the answers that came."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic

import msgspec

from cryoasync.control.error_category import ErrorCategory
from cryoasync.control.retry import BatchHistory
from cryoasync.http.transport import NoResponse, Response
from cryoasync.models import Attempt, Entry, FailureKind, Span
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.answers import Trouble
from cryoasync.sources.asking.api import E

ABSENCES = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.INCOMPLETE})
"""Troubles that are an answer once a compound stands alone."""

_KINDS = {ErrorCategory.GARBLED: FailureKind.DECODE}


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


@dataclass(slots=True)
class Question:
    """A batch that is still to be settled, and what it met so far.

    ``passed_before`` counts the answers that its endpoint had given when it failed last.
    """

    entries: Sequence[Entry]
    history: BatchHistory
    passed_before: int = 0
    attempts: int = 0

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Question":
        """Ask about ``entries`` for the first time."""
        return cls(entries, BatchHistory(len(entries)))

    def narrow_to(self, entries: Sequence[Entry]) -> None:
        """Go on with those that were not answered; what the others met says nothing of them."""
        self.entries, self.history = entries, BatchHistory(len(entries))

    def halves(self) -> tuple["Question", "Question"]:
        """Ask about each half for itself."""
        middle = len(self.entries) // 2
        return Question.of(self.entries[:middle]), Question.of(self.entries[middle:])


@dataclass(slots=True)
class Fetch(Generic[E]):
    """The answers of one endpoint for one chunk, as they come in.

    ``lost`` are those of the ``errors`` that a compound failed for in the end.
    """

    endpoint: E
    report: ActivityReport
    answers: dict[str, Answer] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    errors: Counter[ErrorCategory] = field(default_factory=Counter)
    lost: Counter[ErrorCategory] = field(default_factory=Counter)
    questions: deque[Question] = field(default_factory=deque)

    def record(
        self,
        entries: Sequence[Entry],
        answer: Response | NoResponse,
        decision: str,
        *,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Keep one request: made for ``entries``, and naming ``ids`` where those are others."""
        ids = [entry.source_id for entry in entries] if ids is None else ids
        positions = [entry.position for entry in entries]
        self.attempts.append(
            Attempt(
                endpoint=self.endpoint.name,
                span=Span(start=min(positions), stop=max(positions) + 1),
                first_id=ids[0],
                last_id=ids[-1],
                ids=len(ids),
                sent_at=answer.answered_at - timedelta(seconds=answer.seconds),
                seconds=answer.seconds,
                status=answer.status if isinstance(answer, Response) else None,
                decision=decision,
            )
        )

    def give_up(self, question: Question, trouble: Trouble) -> None:
        """Settle the one compound of ``question``: as absent, or as failed."""
        (entry,) = question.entries
        if trouble.category in ABSENCES:
            self.answers[entry.source_id] = Absent(reason=f"asked for alone, twice: {trouble.message}")
            return
        self.lost.update(question.history.errors)
        self.answers[entry.source_id] = Failed(
            kind=_KINDS.get(trouble.category, FailureKind.POISON),
            message=trouble.message,
            attempts=question.attempts,
        )
