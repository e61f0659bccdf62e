"""The largest size that a source takes."""

from cryoasync.control.chunks.size_ceiling import SizeCeiling


def ask(ceiling: SizeCeiling, sizes: list[int], *, takes: int) -> None:
    for size in sizes:
        if size <= takes:
            ceiling.succeeded(size)
        else:
            ceiling.failed(size)


def test_one_size_that_always_fails_above_one_that_never_does_is_a_ceiling() -> None:
    ceiling = SizeCeiling(200)
    ask(ceiling, [100] * 8 + [200] * 3, takes=100)
    assert ceiling.size == 200
    ask(ceiling, [200], takes=100)
    assert ceiling.size == 100


def test_failures_at_every_size_are_none() -> None:
    """That is what a model of chances is for."""
    ceiling = SizeCeiling(200)
    ask(ceiling, [200, 100, 50, 25] * 10, takes=0)
    assert ceiling.size == 200


def test_it_is_raised_after_good_answers_and_later_each_time_that_this_fails() -> None:
    ceiling = SizeCeiling(200)
    ask(ceiling, [100] * 8 + [200] * 4, takes=100)
    waits = []
    for _ in range(4):
        waits.append(0)
        while ceiling.size == 100:
            ceiling.succeeded(100)
            waits[-1] += 1
        ask(ceiling, [200, 200], takes=100)
    assert waits == [4, 8, 16, 32]


def test_a_ceiling_that_is_gone_is_forgotten() -> None:
    ceiling = SizeCeiling(200)
    ask(ceiling, [100] * 8 + [200] * 4, takes=100)
    ask(ceiling, [100] * 4 + [200], takes=200)
    assert ceiling.size == 200
    ask(ceiling, [200], takes=100)
    assert ceiling.size == 200, "one failure is none"
