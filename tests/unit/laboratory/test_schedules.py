"""Random schedules of permits: a sample of those that `make schedules` plays a million of."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.schedules import Schedule, play_seeds
from cryoasync.control.rate.permit_log import PermitLog


def test_no_window_is_exceeded_and_no_permit_leaks() -> None:
    tally = play_seeds(0, 500)
    assert tally.seeds_at_fault == []
    assert tally.sent > 5 * tally.schedules
    assert tally.cancelled > tally.schedules


@settings(max_examples=2000)
@given(seed=st.integers(0, 2**64), steps=st.integers(1, 60))
def test_whatever_the_seed_no_window_is_exceeded_and_no_permit_leaks(seed: int, steps: int) -> None:
    """Of a history at fault the shortest beginning is shown that is at fault too."""
    assert Schedule(random.Random(seed), steps).play().faults == 0


def test_a_limiter_that_forgets_its_guard_or_its_window_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PermitLog, "earliest", lambda log, now, running: now)
    assert play_seeds(0, 50).exceeded_at_client > 0


def test_a_permit_that_is_not_taken_back_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PermitLog, "void", lambda log, number: None)
    assert play_seeds(0, 50).leaked > 0
