"""Circuits and troubles of a run at work, in words."""

import asyncio
import random
from datetime import UTC, datetime

from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_handler import Attempted, PredictiveErrorHandler
from cryoasync.control.troubles.retry import BatchHistory
from cryoasync.service.trouble_words import circuit_words, trouble_words
from tests.unit.virtual_time import now, on_virtual_time


@on_virtual_time
async def test_a_circuit_is_told_of_while_it_is_open_and_afterwards() -> None:
    policy = CircuitPolicy(jitter=0.0, failures_in_a_row=2)
    breaker = SharedCircuitBreaker(policy=policy, clock=now, rng=random.Random(1))

    def words() -> list[str]:
        return list(circuit_words({name: told.to_json(now()) for name, told in breaker.get_stats().items()}))

    for _ in range(2):
        assert words() == []
        given = await breaker.wait("synonyms")
        assert breaker.begin(given)
        breaker.record_failure(given)
    await asyncio.sleep(1.0)
    assert words()[0] == "The circuit of synonyms is open for 3 s more: 2 failures in a row."
    breaker.reset("reset by hand")
    (word,) = words()
    assert word.startswith("The circuit of synonyms was not closed for 1 of 1 s, and 0 requests waited;")
    assert word.endswith("from open to closed: reset by hand.")


@on_virtual_time
async def test_troubles_are_told_with_what_they_cost_and_how_good_forecasts_are() -> None:
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    handler = PredictiveErrorHandler(local_time=lambda: noon, clock=now, rng=random.Random(1))
    history, ids = BatchHistory(200), [str(number) for number in range(1, 201)]
    attempted = Attempted(endpoint="property", ids=200, status=504, sent_at=0.0, seconds=30.0)
    handler.handle_error(ErrorCategory.TOO_BIG, attempted, history)
    await asyncio.sleep(2.0)
    handler.passed("property", history, now())
    handler.learn_blamed("property", "7", ErrorCategory.REJECTED, ids)
    met, foretold = trouble_words(handler.get_stats())
    assert met == "Met too big 1 times: 2 further requests, over after 2.0 s in the mean, 2 s at most."
    assert foretold.startswith("Compounds that are rejected at property: 1 of 1, ")
    assert foretold.endswith("not used to divide bad batches, which saves 0% of the requests.")
