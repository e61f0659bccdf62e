"""Culprits are found with about one request for each doubling."""

import math
import random
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.troubles.isolation import Isolation, Weights


def nothing_known(_: Sequence[int]) -> None:
    return None


def found(size: int, culprits: set[int], weights: Weights[int] = nothing_known) -> tuple[set[int], int]:
    """Ask a server that fails whoever is asked for with a culprit; return those that failed alone, and the requests."""
    isolation, requests, alone = Isolation(weights), 0, set[int]()
    asked: list[tuple[list[int], list[int]]] = [(list(range(size)), [])]
    while asked:
        part, rest = asked.pop()
        requests += 1
        passed = not culprits & set(part)
        if passed or len(part) == 1:
            isolation.settled += len(part)
        if not passed:
            isolation.put_back(rest)
        bad = rest if passed else part
        if not passed and len(part) == 1:
            alone.add(part[0])
            isolation.culprits += 1
        elif bad:
            asked.append(isolation.divide(bad) if len(bad) > 1 else (bad, []))
        if not asked:
            asked = [(each, []) for each in isolation.next_parts()]
    return alone, requests


@given(st.integers(1, 300), st.sets(st.integers(0, 299), max_size=40))
def test_every_culprit_fails_alone_and_nobody_else(size: int, culprits: set[int]) -> None:
    here = {culprit for culprit in culprits if culprit < size}
    assert found(size, here)[0] == here


@given(st.integers(2, 300), st.data())
def test_parts_are_never_empty_whatever_the_weights(size: int, data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(1e-9, 1.0), min_size=size, max_size=size))
    part, rest = Isolation[int](lambda _: weights).divide(list(range(size)))
    assert part
    assert rest
    assert sorted(part + rest) == list(range(size))


@pytest.mark.parametrize(("size", "at_most"), [(4, 3.3), (25, 6.1), (50, 7.1), (100, 8.1), (200, 9.15)])
def test_one_culprit_costs_a_request_for_each_doubling_and_one_for_what_is_left_over(
    size: int, at_most: float
) -> None:
    """Beyond the one that would have been enough, until it fails alone; in the mean over all places."""
    extra = statistics.fmean(found(size, {culprit})[1] - 1 for culprit in range(size))
    assert extra <= at_most
    assert at_most <= math.log2(size) + 1.55


def test_what_is_known_of_the_culprits_saves_requests() -> None:
    """One of twenty is ten times as likely as the others; it is the culprit as often as that."""
    rng = random.Random(1)
    likely = set(range(0, 200, 20))

    def weights(bad: Sequence[int]) -> list[float]:
        return [10.0 if each in likely else 1.0 for each in bad]

    culprits = rng.choices(range(200), weights(range(200)), k=400)
    knowing = statistics.fmean(found(200, {culprit}, weights)[1] for culprit in culprits)
    unknowing = statistics.fmean(found(200, {culprit})[1] for culprit in culprits)
    assert knowing < unknowing - 0.3


def test_a_batch_of_culprits_costs_little_more_than_asking_for_each() -> None:
    assert found(200, set(range(200)))[1] < 1.5 * 200
