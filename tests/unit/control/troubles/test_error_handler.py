"""Strategies, in the circumstances."""

import random
from datetime import UTC, datetime

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_handler import Attempted, PredictiveErrorHandler, Strategy
from cryoasync.control.troubles.error_treatment import Vote
from cryoasync.control.troubles.retry import BatchHistory, Decision

C = ErrorCategory


class Bench:
    """A handler whose clock is set by hand."""

    def __init__(self) -> None:
        """Start at second 0."""
        self.now = 0.0
        self.handler = PredictiveErrorHandler(
            local_time=lambda: datetime(2026, 11, 25, 12, tzinfo=UTC),
            clock=lambda: self.now,
            rng=random.Random(1),
        )

    def meet(self, category: ErrorCategory, history: BatchHistory | None = None) -> Strategy:
        """Let a batch meet a trouble now."""
        return self.handler.handle_error(category, attempted(sent_at=self.now), history or BatchHistory(200))

    def passes(self, count: int) -> None:
        """Let other requests pass, one in five seconds."""
        for _ in range(count):
            self.now += 0.2
            self.handler.passed("property", BatchHistory(200), self.now)


def attempted(
    *,
    ids: int = 200,
    status: int | None = 503,
    sent_at: float = 0.0,
    timed_out: bool = False,
    retry_after_seconds: float | None = None,
) -> Attempted:
    return Attempted(
        endpoint="property",
        ids=ids,
        status=status,
        sent_at=sent_at,
        timed_out=timed_out,
        retry_after_seconds=retry_after_seconds,
    )


def test_silence_after_a_long_request_is_too_much_for_the_server() -> None:
    handler, silent = Bench().handler, attempted(status=None, timed_out=True)
    assert handler.categorize_error(C.UNREACHABLE, silent, expected_seconds=16.0) is C.TOO_BIG
    assert handler.categorize_error(C.UNREACHABLE, silent, expected_seconds=2.0) is C.UNREACHABLE
    alone = attempted(ids=1, status=None, timed_out=True)
    assert handler.categorize_error(C.UNREACHABLE, alone, expected_seconds=16.0) is C.UNREACHABLE


def test_being_forbidden_after_throttles_is_a_block() -> None:
    bench, forbidden = Bench(), attempted(status=403)
    assert bench.handler.categorize_error(C.OVERLOADED, forbidden, 0.0) is C.OVERLOADED
    bench.meet(C.THROTTLED)
    bench.now = 200.0
    assert bench.handler.categorize_error(C.OVERLOADED, forbidden, 0.0) is C.BLOCKED
    bench.now = 400.0
    assert bench.handler.categorize_error(C.OVERLOADED, forbidden, 0.0) is C.OVERLOADED


def test_a_throttle_is_asked_again_as_soon_as_the_limiter_lets_it() -> None:
    strategy = Bench().meet(C.THROTTLED)
    assert (strategy.decision, strategy.pause_seconds) == (Decision.RETRY, 0.0)


def test_a_server_that_says_when_to_come_again_is_believed() -> None:
    handler = Bench().handler
    told = handler.handle_error(C.OVERLOADED, attempted(retry_after_seconds=90.0), BatchHistory(200))
    assert told.pause_seconds >= 90.0


def test_the_more_fail_by_chance_the_later_a_batch_is_blamed() -> None:
    def tries(failing: int) -> int:
        bench = Bench()
        for _ in range(failing):
            bench.passes(100 // failing - 1)
            bench.meet(C.OVERLOADED)
        history = BatchHistory(200)
        for number in range(1, 20):
            bench.passes(1)
            if bench.meet(C.OVERLOADED, history).decision is Decision.ISOLATE:
                return number
        raise AssertionError("never")

    assert tries(1) < tries(10) < tries(25)


def test_retries_beyond_their_budget_let_everybody_else_go_first() -> None:
    bench = Bench()
    for number in range(40):
        bench.handler.sent(0.0, retry=number < 3)
    assert bench.meet(C.OVERLOADED).priority is Priority.CONTINUE
    for _ in range(10):
        bench.handler.sent(0.0, retry=True)
    assert bench.meet(C.OVERLOADED).priority is Priority.SPARE
    assert bench.meet(C.INCOMPLETE).priority is Priority.CONTINUE, "it completes what came"
    assert bench.handler.get_stats()["retries_beyond_budget"] == 1


def test_what_troubles_were_like_is_told() -> None:
    bench, history = Bench(), BatchHistory(200)
    bench.meet(C.OVERLOADED, history)
    bench.now = 2.0
    bench.meet(C.OVERLOADED, history)
    bench.now = 5.0
    bench.handler.passed("property", history, 4.0)
    bench.now = 1000.0
    bench.meet(C.THROTTLED)
    told = bench.handler.get_stats()["categories"]
    assert told["overloaded"] == {
        "met": 2,
        "in_ten_minutes": 0,
        "requests": 3,
        "recoveries": 1,
        "mean_recovery_seconds": 5.0,
        "longest_recovery_seconds": 5.0,
    }
    assert told["throttled"]["in_ten_minutes"] == 1


def test_a_known_culprit_does_not_vote_in_the_circuit_while_others_pass() -> None:
    bench = Bench()
    bench.passes(1)
    assert bench.meet(C.OVERLOADED).treatment.breaker is Vote.FAILURE
    assert bench.meet(C.OVERLOADED, BatchHistory(1, is_known_bad=True)).treatment.breaker is Vote.NONE
    bench.now += 11.0
    assert bench.meet(C.OVERLOADED, BatchHistory(1, is_known_bad=True)).treatment.breaker is Vote.FAILURE


def test_a_trouble_costs_what_it_causes() -> None:
    bench = Bench()
    bench.meet(C.TOO_BIG)
    assert bench.handler.get_stats()["categories"]["too_big"]["requests"] == 2, "both halves"
    alone = BatchHistory(1)
    bench.meet(C.REJECTED, alone)
    assert bench.meet(C.REJECTED, alone).decision is Decision.GIVE_UP
    assert bench.handler.get_stats()["categories"]["rejected"]["requests"] == 1


def test_predictions_are_used_only_once_they_are_worth_it() -> None:
    handler = Bench().handler
    ids = [str(number) for number in range(1_000, 1_200)]
    handler.learn_passed("property", ids)
    assert handler.predict_errors("property", ids) == {}
    for number in range(100):
        handler.learn_blamed("property", str(1_100 + number % 20), C.REJECTED, ids)
        handler.learn_passed("property", [str(1_000 + number)] * 200)
        for block in range(40):
            handler.learn_passed("property", [str(10**6 * (block + 1) + 200 * number)] * 200)
    told = handler.predict_errors("property", ids)[C.REJECTED]
    assert told[110] > told[0] > 0
    assert handler.weights("property", ids) == told
    assert handler.weights("synonyms", ids) is None
    assert set(handler.get_stats()["predictions"]) == {"property"}
