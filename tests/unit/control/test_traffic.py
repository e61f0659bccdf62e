"""What a start of a run met, counted."""

from collections import Counter

from cryoasync.control.traffic import Traffic
from cryoasync.control.troubles.error_category import ErrorCategory


def test_requests_and_retries_are_counted_from_the_first_sent() -> None:
    traffic = Traffic()
    for sent_at, retry in [(2.0, False), (3.0, True), (4.0, True)]:
        traffic.sent(sent_at, retry=retry)
    assert (traffic.requests, traffic.retries, traffic.first_sent_at) == (3, 2, 2.0)


def test_both_kinds_of_refusal_are_throttles_and_nothing_else_is() -> None:
    traffic = Traffic()
    for category in ErrorCategory:
        traffic.met(category)
    assert (traffic.throttled, traffic.errors.total()) == (2, len(ErrorCategory))


def test_errors_are_recovered_by_kind() -> None:
    traffic = Traffic()
    traffic.recover({ErrorCategory.OVERLOADED: 2})
    traffic.recover({ErrorCategory.OVERLOADED: 1, ErrorCategory.GARBLED: 1})
    assert traffic.recovered == Counter({ErrorCategory.OVERLOADED: 3, ErrorCategory.GARBLED: 1})
