"""What is done after each kind of trouble, as a table."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.error_category import ErrorCategory
from cryoasync.control.retry import LONGEST_BACKOFF_SECONDS, BatchHistory, Decision

C, D = ErrorCategory, Decision
R = D.RETRY
ATTEMPTS = 12

ENDS = {
    # kind: (tries in a batch, and what needs a healthy host), (tries alone, likewise)
    C.TOO_BIG: ((1, False), (6, True)),
    C.REJECTED: ((1, False), (2, False)),
    C.NOT_FOUND: ((1, False), (2, False)),
    C.INCOMPLETE: ((2, False), (2, False)),
    C.GARBLED: ((3, False), (5, True)),
    C.OVERLOADED: ((4, True), (8, True)),
    C.UNREACHABLE: ((4, True), (8, True)),
}
CASES = [
    pytest.param(category, size, tries, needs_health, id=f"{category}-{size}")
    for category, (batch, alone) in ENDS.items()
    for size, (tries, needs_health) in ((1, alone), (2, batch), (200, batch))
]


def decisions(category: ErrorCategory, size: int, *, healthy: bool) -> list[Decision]:
    history = BatchHistory(size)
    return [history.decide(category, host_is_healthy=healthy) for _ in range(ATTEMPTS)]


def test_the_table_names_every_kind_of_trouble_but_throttles() -> None:
    assert set(ErrorCategory) - set(ENDS) == {C.THROTTLED, C.BLOCKED}


@pytest.mark.parametrize(("category", "size", "tries", "needs_health"), CASES)
def test_a_healthy_host_ends_the_tries(
    category: ErrorCategory, size: int, tries: int, *, needs_health: bool
) -> None:
    """In a batch by halving it, alone by giving up."""
    told = decisions(category, size, healthy=True)
    assert told[: tries - 1] == [R] * (tries - 1)
    assert set(told[tries - 1 :]) == {D.SPLIT if size > 1 else D.GIVE_UP}


@pytest.mark.parametrize(("category", "size", "tries", "needs_health"), CASES)
def test_a_sick_host_is_probed_before_anybody_is_blamed(
    category: ErrorCategory, size: int, tries: int, *, needs_health: bool
) -> None:
    """What a healthy host may say as well needs no probe."""
    told = decisions(category, size, healthy=False)
    end = D.PROBE if needs_health else D.SPLIT if size > 1 else D.GIVE_UP
    assert told == [R] * (tries - 1) + [end] * (ATTEMPTS - tries + 1)


@pytest.mark.parametrize("size", [1, 200])
@pytest.mark.parametrize("category", [C.THROTTLED, C.BLOCKED])
def test_a_throttle_never_counts_against_a_batch(category: ErrorCategory, size: int) -> None:
    history = BatchHistory(size)
    throttled = {history.decide(category, host_is_healthy=healthy) for healthy in [True, False] * 500}
    assert throttled == {R}
    assert history.backoff_seconds(category, random.Random(1)) == 0.0
    assert history.decide(C.OVERLOADED, host_is_healthy=True) is R, "the first failure of its own"


@given(st.lists(st.sampled_from(list(ENDS)), min_size=1, max_size=60))
def test_mixed_troubles_of_a_healthy_host_end_as_well(troubles: list[ErrorCategory]) -> None:
    """Each kind is counted by itself, so that no mixture goes on for ever."""
    history = BatchHistory(1)
    lasted = next(
        (
            tries
            for tries, trouble in enumerate(troubles, 1)
            if history.decide(trouble, host_is_healthy=True) is D.GIVE_UP
        ),
        len(troubles),
    )
    assert lasted <= 1 + sum(tries - 1 for _, (tries, _) in ENDS.values())


@given(st.sampled_from(list(ENDS)), st.integers(1, 2000), st.integers())
def test_backoff_doubles_up_to_half_a_minute(category: ErrorCategory, errors: int, seed: int) -> None:
    history = BatchHistory(1)
    history.errors[category] = errors
    ceilings = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_BACKOFF_SECONDS]
    waited = history.backoff_seconds(category, random.Random(seed))
    assert 0 <= waited <= ceilings[min(errors, len(ceilings)) - 1]


def test_backoff_uses_all_of_its_ceiling() -> None:
    """Batches that failed together do not come back together."""
    history, rng = BatchHistory(1), random.Random(3)
    history.errors[C.OVERLOADED] = 50
    drawn = [history.backoff_seconds(C.OVERLOADED, rng) for _ in range(500)]
    assert min(drawn) < 1.0
    assert max(drawn) > LONGEST_BACKOFF_SECONDS - 1.0
