"""Whatever happens to a start, what is committed and what is left is the input; the next start does the rest."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGINT

from hypothesis import given, settings
from hypothesis import strategies as st

from cryoasync.errors import DatabaseUnavailableError, RunFencedError, SourceUnavailableError
from cryoasync.models import Chunk, Entry, EntryState
from tests.unit.pipeline.fakes import MemoryRun, Processor
from tests.unit.pipeline.test_pipeline import COMMIT_GRACE, GRACE, Start
from tests.unit.virtual_time import now, on_virtual_time

HOUR = 3600.0
PATIENCE = 60.0
STUCK_AFTER = 20.0
OUTCOMES = [EntryState.IMPORTED, EntryState.NOT_FOUND, EntryState.FAILED]


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What happens to one start.

    ``meet`` is what the processor meets at a chunk: an error, or that it hangs once. ``database`` is how the
    operations of the database end, one by one.
    """

    seed: int
    slowest_seconds: float
    meet: dict[int, str]
    database: list[str]
    commit_seconds: float
    signal_at: float | None
    fenced_at: float | None


FATES = st.builds(
    Fate,
    seed=st.integers(0, 1000),
    slowest_seconds=st.sampled_from([0.0, 1.0, 15.0]),
    meet=st.dictionaries(st.integers(1, 15), st.sampled_from(["away", "crash", "hang"]), max_size=3),
    database=st.lists(st.sampled_from(["pass", "pass", "refuse", "unanswered"]), max_size=15),
    commit_seconds=st.sampled_from([0.0, 0.5, 5.0]),
    signal_at=st.none() | st.floats(0.0, 30.0),
    fenced_at=st.none() | st.none() | st.floats(0.0, 30.0),
)
ERRORS = {"away": SourceUnavailableError("away"), "crash": ZeroDivisionError()}
EXPECTED = (SourceUnavailableError, ZeroDivisionError, RunFencedError, DatabaseUnavailableError)


def processor(fate: Fate) -> Processor:
    """A processor that meets what its fate says, and settles each entry in one way or another."""
    rng, left = random.Random(fate.seed), dict(fate.meet)

    def seconds(chunk: Chunk) -> float:
        if left.get(chunk.number) == "hang":
            del left[chunk.number]
            return HOUR
        return rng.uniform(0.0, fate.slowest_seconds)

    def meet(chunk: Chunk) -> None:
        if chunk.number in left:
            raise ERRORS[left[chunk.number]]

    def state(_: Entry) -> EntryState:
        return rng.choice(OUTCOMES)

    return Processor(seconds, meet, state)


async def live(run: MemoryRun, fate: Fate, workers: int, chunk_size: int) -> list[BaseException]:
    """Let one start live its life; check that it ends in bounded time, with nothing but its own errors."""
    start = Start(
        run,
        processor(fate),
        workers=workers,
        chunk_size=chunk_size,
        batch_rows=7,
        patience_seconds=PATIENCE,
        stuck_after_seconds=STUCK_AFTER,
    )
    happenings: list[tuple[float | None, Callable[[], object]]] = [
        (fate.signal_at, lambda: start.stop.by_signal(SIGINT)),
        (fate.fenced_at, lambda: setattr(run, "commit_error", RunFencedError())),
    ]
    for moment, happen in happenings:
        if moment is not None:
            start.meanwhile(moment, happen)
    run.troubles, run.commit_error, run.commit_seconds = list(fate.database), None, fate.commit_seconds
    begun_at = now()
    died_of = await start.work()
    assert all(isinstance(error, EXPECTED) for error in died_of)
    if fate.signal_at is not None and not died_of:
        longest = 15 * (fate.slowest_seconds + fate.commit_seconds + STUCK_AFTER * 2) + 200.0
        assert now() - begun_at <= longest
        if start.stop.signal is not None:
            assert now() - begun_at <= fate.signal_at + GRACE + COMMIT_GRACE + 0.001
    return died_of


@given(
    size=st.integers(0, 60),
    page=st.integers(1, 20),
    invalid=st.sets(st.integers(0, 59), max_size=10),
    fates=st.lists(FATES, min_size=1, max_size=3),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 8)),
)
@settings(max_examples=150)
@on_virtual_time
async def test_nothing_is_lost_and_nothing_is_done_twice(
    size: int, page: int, invalid: set[int], fates: list[Fate], shape: tuple[int, int]
) -> None:
    """The books of the run refuse an entry that is settled twice, and a chunk that does not fit its span."""
    run = MemoryRun(size, page=page, invalid=invalid)
    for fate in fates:
        before = run.counts
        died_of = await live(run, fate, *shape)
        counts = run.counts
        assert counts.requested == size
        assert counts.pending == sum(run.states[each] is EntryState.PENDING for each in run.uncovered)
        assert counts.imported + counts.not_found >= before.imported + before.not_found
        if not died_of and fate.signal_at is None:
            assert counts.pending == 0
    run.troubles, run.commit_error, run.commit_seconds = [], None, 0.0
    assert await Start(run, workers=shape[0], chunk_size=shape[1]).work() == []
    assert not run.uncovered
    assert run.counts.pending == run.counts.failed == 0
