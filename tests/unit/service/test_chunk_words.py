"""What ``status --explain`` says of sizes and of requests under way, from what these tell of themselves."""

import json
from dataclasses import asdict
from typing import Any

from cryoasync.control.concurrency.concurrency_limiter import ConcurrencyLimiter
from cryoasync.service.chunk_words import chunk_sentences, concurrency_sentences
from tests.unit.control.chunks.sizing import LineSource, chunk_sizer


def told(source: LineSource) -> str:
    """What is said of the last choice, by way of the JSON of the live state."""
    explanation = source.sizer.explanation()
    assert explanation is not None
    live: dict[str, Any] = json.loads(json.dumps(explanation.to_json(), allow_nan=False))
    return " ".join(chunk_sentences(live))


def test_before_enough_answers_nothing_is_made_up() -> None:
    source = LineSource(chunk_sizer())
    source.answer(3)
    assert told(source) == "Chunks of 200: too few answers are known to choose by."


def test_promises_of_sizes_are_told_with_how_sure_they_are_and_what_limits_them() -> None:
    source = LineSource(chunk_sizer())
    source.answer(200)
    text = told(source)
    assert text.startswith("Chunks of 200. Of compounds 200 brings ")
    assert " to " in text
    assert "10 other sizes less" in text
    assert "The rate of requests is the limit" in text


def test_a_size_that_is_tried_to_learn_is_told_as_such() -> None:
    source = LineSource(chunk_sizer())
    source.hazard = 0.01
    source.answer(100)
    texts: list[str] = []
    while not texts or "to learn" not in texts[-1]:
        source.answer(1)
        texts.append(told(source))
    assert "seems best" in texts[-1]
    assert "Failures are the limit" in texts[-1]


def test_requests_under_way_are_told_with_what_is_tried() -> None:
    limiter = ConcurrencyLimiter()
    for step in range(10):
        calls = [limiter.sent(float(step), 50) for _ in range(4)]
        for call in calls:
            limiter.answered(call, 0.5)
    limiter.refused(limiter.sent(10.0, 50))
    text = " ".join(concurrency_sentences(json.loads(json.dumps(asdict(limiter.state(11.0))))))
    assert text.startswith("0 requests under way of ")
    assert text.endswith("made them fewer: 1.")
