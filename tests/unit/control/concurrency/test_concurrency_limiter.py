"""How many requests may be under way, after what answers."""

import heapq
import math
import random
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from cryoasync.control.concurrency.concurrency_limiter import Call, ConcurrencyLimiter

SECONDS = 0.4


class Crowd:
    """A source with a knee, and as many requests as the limiter lets out."""

    def __init__(self, limiter: ConcurrencyLimiter, knee: int = 8) -> None:
        self.limiter = limiter
        self.knee = knee
        self.slowness = 1.0
        self.now = 0.0
        self.answers = 0
        self._rng = random.Random(1)
        self._calls: list[tuple[float, int, float, Call]] = []
        self._numbers = count()

    def work(self, answers: int) -> int:
        """Return the number in force after so many more answers."""
        until = self.answers + answers
        while self.answers < until:
            while self.limiter.can_send(self.now):
                self._send()
            self.now, _, seconds, call = heapq.heappop(self._calls)
            self.limiter.answered(call, seconds)
            self.answers += 1
        return self.limiter.state(self.now).limit

    def _send(self) -> None:
        crowding = max(1.0, (len(self._calls) + 1) / self.knee) ** 1.5
        seconds = SECONDS * self.slowness * crowding * self._rng.lognormvariate(0, 0.1)
        call = self.limiter.sent(self.now, 50)
        heapq.heappush(self._calls, (self.now + seconds, next(self._numbers), seconds, call))


def test_it_finds_the_knee_and_stays_within_one_of_it() -> None:
    crowd = Crowd(ConcurrencyLimiter())
    crowd.work(1500)
    assert {crowd.work(200) for _ in range(20)} <= {7, 8, 9}


def test_it_follows_a_knee_that_moves_down_and_up() -> None:
    crowd = Crowd(ConcurrencyLimiter())
    crowd.work(1500)
    crowd.knee = 4
    assert crowd.work(3000) in {4, 5}
    crowd.knee = 10
    assert crowd.work(6000) in {9, 10, 11}


def test_a_source_that_becomes_slower_for_everybody_keeps_its_number() -> None:
    """Fewer requests would not make it quicker, and the trial says so."""
    crowd = Crowd(ConcurrencyLimiter())
    crowd.work(1500)
    crowd.slowness = 4.0
    assert crowd.work(2000) in {7, 8, 9}


def test_without_a_knee_it_goes_to_the_largest_number_and_not_beyond() -> None:
    crowd = Crowd(ConcurrencyLimiter(1, 16), knee=1000)
    assert crowd.work(3000) == 16


def test_many_refusals_of_one_moment_are_one_event() -> None:
    limiter = ConcurrencyLimiter()
    crowd = Crowd(limiter)
    crowd.work(1500)
    calls = list(limiter._calls)
    for call in calls:
        limiter.refused(call)
    assert limiter.state(crowd.now).limit == int(0.7 * 8)
    assert limiter.state(crowd.now).refused == 1


def test_lost_requests_in_a_row_make_room() -> None:
    limiter = ConcurrencyLimiter()
    Crowd(limiter).work(1500)
    before = limiter.state(0.0).limit
    for call in list(limiter._calls)[:3]:
        limiter.lost(call, 30.0)
    assert limiter.state(0.0).limit == int(0.7 * before)


def test_a_request_that_hangs_leaves_its_place_to_another() -> None:
    limiter = ConcurrencyLimiter()
    crowd = Crowd(limiter, knee=4)
    crowd.work(1500)
    while limiter.can_send(crowd.now):
        limiter.sent(crowd.now, 50)
    later = limiter.changes_at(crowd.now)
    assert later < crowd.now + 3 * SECONDS
    assert limiter.can_send(later)
    limiter.sent(later, 50)
    assert not limiter.can_send(later + 1000), "for one of four: where all hang, none may follow"


def test_waiting_for_an_answer_ends_soon_after_answers_are_known() -> None:
    limiter = ConcurrencyLimiter(timeout_seconds=30.0)
    assert limiter.deadline_seconds(50) == 30.0
    assert ConcurrencyLimiter().deadline_seconds(50) == math.inf
    Crowd(limiter).work(1500)
    assert 2.0 <= limiter.deadline_seconds(50) < 4.0
    assert limiter.deadline_seconds(5000) == 30.0, "in proportion to the ids, up to the longest"


def test_a_deadline_that_proves_too_short_grows() -> None:
    limiter = ConcurrencyLimiter()
    Crowd(limiter).work(1500)
    before = limiter.deadline_seconds(50)
    for _ in range(100):
        limiter.lost(limiter.sent(0.0, 50), before)
    assert limiter.deadline_seconds(50) > 3 * before


def test_too_few_requests_to_fill_the_number_teach_nothing_of_it() -> None:
    limiter = ConcurrencyLimiter()
    for step in range(2000):
        limiter.answered(limiter.sent(float(step), 50), SECONDS)
    assert limiter.state(2000.0).limit == 4


EVENTS = st.lists(
    st.tuples(st.sampled_from(["answered", "failed", "refused", "lost", "withdrawn"]), st.floats(0.01, 60)),
    max_size=300,
)


@given(events=EVENTS, bounds=st.tuples(st.integers(1, 6), st.integers(0, 20)))
def test_whatever_happens_it_keeps_its_bounds_and_lets_requests_out(
    events: list[tuple[str, float]], bounds: tuple[int, int]
) -> None:
    minimum, maximum = bounds[0], bounds[0] + bounds[1]
    limiter, now, calls = ConcurrencyLimiter(minimum, maximum), 0.0, list[Call]()
    for kind, seconds in events:
        while limiter.can_send(now):
            calls.append(limiter.sent(now, 50))
        now += seconds
        call = calls.pop(0)
        match kind:
            case "answered":
                limiter.answered(call, seconds)
            case "lost":
                limiter.lost(call, seconds)
            case _:
                getattr(limiter, kind)(call)
        assert minimum <= limiter.limit <= maximum
        assert limiter.deadline_seconds(50) > 0
    for call in calls:
        limiter.withdrawn(call)
    assert limiter.can_send(now)
