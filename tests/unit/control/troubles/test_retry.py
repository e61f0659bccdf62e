"""What is done with a batch after each kind of trouble."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.retry import SECONDS_OF_ONE, BatchHistory, Decision, Evidence

C, D = ErrorCategory, Decision
R = D.RETRY
ATTEMPTS = 40
SELDOM, OFTEN = 0.01, 0.2

ENDS = {
    # kind: what divides a batch, tries in a batch and alone, each where failing by chance is rare and where it is not
    C.TOO_BIG: (D.HALVE, (1, 1), (5, 9)),
    C.REJECTED: (D.ISOLATE, (1, 1), (2, 2)),
    C.NOT_FOUND: (D.HALVE, (1, 1), (2, 2)),
    C.INCOMPLETE: (D.HALVE, (2, 2), (2, 2)),
    C.GARBLED: (D.ISOLATE, (2, 5), (5, 9)),
    C.CHANGED: (D.ISOLATE, (3, 3), (3, 3)),
    C.OVERLOADED: (D.ISOLATE, (2, 5), (5, 9)),
    C.UNREACHABLE: (D.ISOLATE, (2, 5), (5, 9)),
}
NEEDS_OTHERS = {C.OVERLOADED, C.UNREACHABLE, C.CHANGED}
NEEDS_OTHERS_ALONE = {*NEEDS_OTHERS, C.TOO_BIG, C.GARBLED}
BY_CHANCE = {C.OVERLOADED, C.UNREACHABLE, C.TOO_BIG, C.GARBLED}

categories = pytest.mark.parametrize("category", ENDS)
sizes = pytest.mark.parametrize("size", [1, 2, 200])


def decisions(
    category: ErrorCategory, history: BatchHistory, *, healthy: bool, chance: float, every: float = 10.0
) -> list[Decision]:
    return [
        history.decide(category, Evidence(now=every * number, is_healthy=healthy, chance=chance))
        for number in range(ATTEMPTS)
    ]


def test_the_table_names_every_kind_of_trouble_but_throttles() -> None:
    assert set(ErrorCategory) - set(ENDS) == {C.THROTTLED, C.BLOCKED}


@categories
@sizes
@pytest.mark.parametrize("chance", [SELDOM, OFTEN])
def test_a_healthy_host_ends_the_tries(category: ErrorCategory, size: int, chance: float) -> None:
    """In a batch by dividing it, alone by giving up; the more of them fail by chance, the later."""
    division, in_batch, alone = ENDS[category]
    tries = (alone if size == 1 else in_batch)[chance == OFTEN]
    told = decisions(category, BatchHistory(size), healthy=True, chance=chance)
    assert told[: tries - 1] == [R] * (tries - 1)
    assert set(told[tries - 1 :]) == {division if size > 1 else D.GIVE_UP}


@categories
@sizes
def test_a_sick_host_is_probed_before_anybody_is_blamed(category: ErrorCategory, size: int) -> None:
    """What a healthy host may say as well needs no probe."""
    division, (in_batch, _), (alone, _) = ENDS[category]
    tries = alone if size == 1 else in_batch
    told = decisions(category, BatchHistory(size), healthy=False, chance=SELDOM)
    needs_probe = category in (NEEDS_OTHERS_ALONE if size == 1 else NEEDS_OTHERS)
    end = D.PROBE if needs_probe else division if size > 1 else D.GIVE_UP
    assert told == [R] * (tries - 1) + [end] * (ATTEMPTS - tries + 1)


@pytest.mark.parametrize("category", sorted(BY_CHANCE))
def test_a_compound_is_not_blamed_for_a_short_trouble(category: ErrorCategory) -> None:
    """However often it fails within half a minute."""
    told = decisions(category, BatchHistory(1), healthy=True, chance=SELDOM, every=1.0)
    assert told.index(D.GIVE_UP) == int(SECONDS_OF_ONE)


@pytest.mark.parametrize(("chance", "tries"), [(SELDOM, 1), (OFTEN, 2), (0.9, 4)])
def test_half_of_a_bad_batch_is_judged_sooner(chance: float, tries: int) -> None:
    """It holds the culprit as probably as not, and being wrong costs some requests."""
    history = BatchHistory(100, is_known_bad=True)
    told = decisions(C.OVERLOADED, history, healthy=True, chance=chance)
    assert told[:tries] == [R] * (tries - 1) + [D.ISOLATE]


@pytest.mark.parametrize("size", [1, 200])
@pytest.mark.parametrize("category", [C.THROTTLED, C.BLOCKED])
def test_a_throttle_never_counts_against_a_batch(category: ErrorCategory, size: int) -> None:
    history = BatchHistory(size)
    for healthy in (True, False):
        assert set(decisions(category, history, healthy=healthy, chance=SELDOM)) == {R}
    evidence = Evidence(now=0.0, is_healthy=True, chance=SELDOM)
    assert history.decide(C.OVERLOADED, evidence) is R, "the first failure of its own"


@given(st.lists(st.sampled_from(list(ENDS)), min_size=1, max_size=80))
def test_mixed_troubles_of_a_healthy_host_end_as_well(troubles: list[ErrorCategory]) -> None:
    """Each kind is counted by itself, so that no mixture goes on for ever."""
    history = BatchHistory(1)
    told = [
        history.decide(trouble, Evidence(now=40.0 * number, is_healthy=True, chance=SELDOM))
        for number, trouble in enumerate(troubles)
    ]
    lasted = told.index(D.GIVE_UP) + 1 if D.GIVE_UP in told else len(told)
    assert lasted <= 1 + sum(alone - 1 for _, _, (alone, _) in ENDS.values())
