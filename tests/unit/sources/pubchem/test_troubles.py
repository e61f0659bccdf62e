"""What PubChem may say or do, who acts on it, and how: the table of categories, a test a row."""

from dataclasses import dataclass, replace

import pytest

from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.throttle import Refusal
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_treatment import TREATMENTS, Budget, Heed, Vote
from cryoasync.sources.asking.fetch import Fetch
from cryoasync.sources.pubchem.endpoints import Endpoint
from tests.unit.sources.pubchem.builders import (
    BLOCKED_HEADER,
    BROKEN,
    BUSY,
    CUT_OFF,
    SILENT,
    Bench,
    Reply,
    Request,
    entries,
    fault,
    on_virtual_time,
    page,
    whole,
    written,
)

C = ErrorCategory
RFC = "https://iana.org/assignments/http-problem-types#"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A signature, the category it is taken for, and what everybody makes of it."""

    reply: Reply
    category: ErrorCategory
    limiter: Heed
    breaker: Vote
    sizer: bool = False
    budget: Budget = Budget.NONE
    then: str


THROTTLED = Row(reply=BUSY, category=C.THROTTLED, limiter=Heed.REFUSED, breaker=Vote.NONE, then="retry")
BLOCKED = Row(
    reply=page(503, X_Throttling_Control=BLOCKED_HEADER),
    category=C.BLOCKED,
    limiter=Heed.REFUSED,
    breaker=Vote.NONE,
    then="retry",
)
OVERLOADED = Row(
    reply=page(502),
    category=C.OVERLOADED,
    limiter=Heed.UNSURE,
    breaker=Vote.FAILURE,
    budget=Budget.SHARED,
    then="retry",
)
TOO_BIG = Row(
    reply=fault(504, "Timeout"),
    category=C.TOO_BIG,
    limiter=Heed.LET_IN,
    breaker=Vote.NONE,
    sizer=True,
    then="halve",
)
UNREACHABLE = Row(
    reply=BROKEN,
    category=C.UNREACHABLE,
    limiter=Heed.UNSURE,
    breaker=Vote.SILENCE,
    budget=Budget.SHARED,
    then="retry",
)
POISON = Row(
    reply=fault(400, "BadRequest"),
    category=C.REJECTED,
    limiter=Heed.LET_IN,
    breaker=Vote.SUCCESS,
    budget=Budget.OWN,
    then="isolate",
)
ROWS = {
    "throttle: a fault": THROTTLED,
    "throttle: 429": replace(THROTTLED, reply=page(429)),
    "throttle: a problem": replace(THROTTLED, reply=written({"type": f"{RFC}quota-exceeded"}, 403)),
    "blocked: the header's text": BLOCKED,
    "blocked: a problem": replace(BLOCKED, reply=written({"type": f"{RFC}abnormal-usage-detected"}, 429)),
    "overload: a page": OVERLOADED,
    "overload: 503 as HTML": replace(OVERLOADED, reply=page(503)),
    "overload: a fault": replace(OVERLOADED, reply=fault(500, "ServerError")),
    "overload: a problem": replace(
        OVERLOADED, reply=written({"type": f"{RFC}temporary-reduced-capacity"}, 503)
    ),
    "too big: a fault": TOO_BIG,
    "too big: 413": replace(TOO_BIG, reply=page(413), limiter=Heed.UNSURE),
    "transport: a reset": UNREACHABLE,
    "transport: silence": replace(UNREACHABLE, reply=SILENT),
    "not found": replace(
        POISON, reply=fault(404, "NotFound"), category=C.NOT_FOUND, budget=Budget.NONE, then="halve"
    ),
    "poison: a fault": POISON,
    "poison: no JSON": replace(POISON, reply=CUT_OFF, category=C.GARBLED, then="retry"),
    "schema": replace(
        POISON, reply=written({"Table": {}}), category=C.CHANGED, limiter=Heed.UNSURE, then="retry"
    ),
}


class Watch:
    """Notes what the limiter, the breaker and the sizer of a bench are told."""

    def __init__(self, bench: Bench, patch: pytest.MonkeyPatch) -> None:
        """Listen."""
        self.limiter: list[Heed] = []
        self.breaker: list[Vote] = []
        self.sizer: list[ErrorCategory | None] = []

        def throttled(permit: Permit | None, refusal: Refusal) -> float:
            self.limiter.append(Heed.REFUSED)
            return 0.0

        def record_failure(*_: object, answered: bool, retry_after_seconds: float) -> None:
            self.breaker.append(Vote.FAILURE if answered else Vote.SILENCE)

        patch.setattr(bench.limiter, "throttled", throttled)
        patch.setattr(bench.limiter, "let_in", lambda _: self.limiter.append(Heed.LET_IN))
        patch.setattr(bench.limiter, "unanswered", lambda _: self.limiter.append(Heed.UNSURE))
        patch.setattr(bench.breaker, "record_failure", record_failure)
        patch.setattr(bench.breaker, "withdraw", lambda _: self.breaker.append(Vote.NONE))
        patch.setattr(bench.breaker, "record_success", lambda *_, **__: self.breaker.append(Vote.SUCCESS))
        patch.setattr(bench.sizer, "record_result", lambda *told: self.sizer.append(told[3]))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_everybody_is_told_what_concerns_them(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first answer; the second one is whole, so that all arrive."""

    def behaviour(request: Request) -> Reply:
        return whole(request) if request.number else row.reply

    async def main() -> tuple[Fetch[Endpoint], Watch]:
        bench = Bench(behaviour, spoke_before=True, exchange_seconds=30.0)
        watch = Watch(bench, monkeypatch)
        return await bench.fetch(entries(8)), watch

    fetch, watch = on_virtual_time(main)
    assert fetch.attempts[0].decision.startswith(f"{row.category}, {row.then}: ")
    assert watch.limiter[0] is row.limiter
    assert watch.breaker[0] is row.breaker
    assert watch.sizer[0] is row.category
    assert (row.category is ErrorCategory.TOO_BIG) is row.sizer
    assert TREATMENTS[row.category].budget is row.budget
    assert len(fetch.answers) == 8
