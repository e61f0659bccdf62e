"""What stands around every attempt at a source."""

from dataclasses import dataclass

from cryoasync.control.chunks.answer_times import AnswerTimes
from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.circuit.circuit_breaker import Pass, SharedCircuitBreaker
from cryoasync.control.concurrency.concurrency_gate import ConcurrencyGate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.throttle import Refusal
from cryoasync.control.traffic import Traffic
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_handler import PredictiveErrorHandler
from cryoasync.control.troubles.error_treatment import Heed, Treatment, Vote
from cryoasync.http.messages import NoResponse, Response
from cryoasync.http.reach import Reach
from cryoasync.sources.asking.answers import Trouble

_SPEAKING = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.INCOMPLETE, ErrorCategory.REJECTED})
"""A word on the compounds, which shows that the source works."""

SLOW = 4.0
"""How many times the expected time makes an answer slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Who is asked before an attempt, and told of what came of it; shared by all workers on one source.

    ``gate`` bounds the requests under way, where the source states no quota; ``sizer`` learns from answers, where
    these tell of the sizes it chooses.
    """

    limiter: SharedRateLimiter
    gate: ConcurrencyGate | None
    breaker: SharedCircuitBreaker
    errors: PredictiveErrorHandler
    reach: Reach
    sizer: AdaptiveChunkSizer | None
    times: AnswerTimes
    traffic: Traffic

    def tell_rows(self, given: Pass, ids: int, response: Response) -> None:
        """Tell everybody of an answer with rows."""
        times_expected = self.times.record(given.endpoint, ids, response.seconds)
        self.breaker.record_success(given, slow=times_expected > SLOW)
        self.limiter.accepted(response.permit, response.sent_at)
        self.reach.passed_through(response.headers)

    def tell_trouble(
        self, given: Pass, trouble: Trouble, treatment: Treatment, answer: Response | NoResponse
    ) -> None:
        """Tell everybody of a trouble, as its treatment says.

        Raises:
            SourceError: that was one too many.
        """
        self.traffic.met(trouble.category)
        self._tell_breaker(given, treatment.breaker, trouble)
        if answer.sent_at is not None:
            self._tell_limiter(treatment.limiter, trouble, answer, answer.sent_at)
        if trouble.spoke and trouble.category in _SPEAKING:
            self.reach.spoke()
        else:
            self.reach.failed(trouble.message, spoke=trouble.spoke)

    def _tell_breaker(self, given: Pass, vote: Vote, trouble: Trouble) -> None:
        match vote:
            case Vote.NONE:
                self.breaker.withdraw(given)
            case Vote.SUCCESS:
                self.breaker.record_success(given)
            case Vote.FAILURE | Vote.SILENCE:
                self.breaker.record_failure(
                    given,
                    answered=vote is Vote.FAILURE,
                    retry_after_seconds=trouble.retry_after_seconds or 0.0,
                )

    def _tell_limiter(
        self, heed: Heed, trouble: Trouble, answer: Response | NoResponse, sent_at: float
    ) -> None:
        if heed is Heed.REFUSED:
            refusal = Refusal(
                sent_at=sent_at,
                retry_after_seconds=trouble.retry_after_seconds,
                blocked=trouble.category is ErrorCategory.BLOCKED,
            )
            self.limiter.throttled(answer.permit, refusal)
        elif heed is Heed.LET_IN and trouble.spoke:
            self.limiter.let_in(answer.permit)
        else:
            self.limiter.unanswered(answer.permit)
