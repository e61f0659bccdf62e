"""S12 in small: a killed process leaves no window exceeded, whatever clocks and stores do."""

from dataclasses import replace

import pytest

from benchmarks.laboratory import crashes


def test_no_window_is_exceeded_across_kills_stalls_clock_steps_and_outages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crashes, "SCENARIO", replace(crashes.SCENARIO, seconds=150.0))
    monkeypatch.setattr(crashes, "LIFE_SECONDS", 20.0)
    monkeypatch.setattr(crashes, "CLOCK_STEP_EVERY_SECONDS", 31.0)
    monkeypatch.setattr(crashes, "AWAY", ((60.0, 70.0),))
    told = crashes.play_crashes(1)
    assert not told.windows_exceeded
    assert told.refused_percent == 0.0
    assert told.regret_percent < 15.0
