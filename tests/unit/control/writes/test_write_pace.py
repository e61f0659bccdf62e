"""A server under pressure is left to others for a part of the time."""

from cryoasync.control.writes.write_pace import LONGEST_PAUSE_SECONDS, WritePace


def test_a_server_at_ease_is_written_to_without_a_pause() -> None:
    pace = WritePace()
    pace.record(is_pressed=False)
    assert pace.pause_after(1.0) == 0


def test_pauses_grow_with_the_pressure_and_shrink_after_it() -> None:
    pace, pauses = WritePace(), []
    for is_pressed in [True] * 4 + [False] * 8:
        pace.record(is_pressed=is_pressed)
        pauses.append(pace.pause_after(0.01))
    assert pauses[:3] == [0.01, 0.03, 0.03]
    assert pauses[3:] == sorted(pauses[3:], reverse=True)
    assert pauses[-1] == 0


def test_a_pause_stays_short_enough_for_a_run_that_is_being_stopped() -> None:
    pace = WritePace()
    pace.record(is_pressed=True)
    assert pace.pause_after(60.0) == LONGEST_PAUSE_SECONDS
