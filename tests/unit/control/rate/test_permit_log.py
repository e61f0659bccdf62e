"""The permit log against an oracle that counts everything again, for any history and any policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cryoasync.control.rate.permit_log import (
    LONGEST_LEASE_SECONDS,
    RUNNING_TIME_SHARE,
    SOFT_PACING,
    PermitLog,
)
from cryoasync.control.rate.rate_policy import NANOSECONDS, CountWindow, RatePolicy, RunningTimeWindow

PUBCHEM = RatePolicy(
    counts=(CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0)),
    running_time=RunningTimeWindow(limit_seconds=300.0, seconds=60.0),
)

HALF = NANOSECONDS // 2
# Few lengths, and steps in halves of a second, so that things often fall on the same moment.
COUNTS = st.builds(CountWindow, limit=st.integers(1, 6), seconds=st.sampled_from([0.1, 1.0, 2.5, 1 / 3]))
RUNNING_TIMES = st.builds(
    RunningTimeWindow,
    limit_seconds=st.sampled_from([planned / RUNNING_TIME_SHARE for planned in (1, 4, 10)]),
    seconds=st.sampled_from([1.0, 5.0]),
)
POLICIES = st.builds(
    RatePolicy,
    counts=st.lists(COUNTS, max_size=2).map(tuple),
    running_time=st.none() | RUNNING_TIMES,
    guard_seconds=st.sampled_from([0.0, 0.04, 0.25]),
).filter(lambda policy: not policy.is_unlimited)
MOMENTS = st.integers(0, 8).map(lambda halves: halves * HALF) | st.sampled_from([1, 40_000_000, 100_000_000])
DURATIONS = st.sampled_from([0, 1, HALF, NANOSECONDS, 2 * NANOSECONDS, 4 * NANOSECONDS, 9 * NANOSECONDS])
SHIFTS = st.integers(-(2**60), 2**60)


@dataclass
class Used:
    """A permit as the oracle remembers it, for ever."""

    number: int
    slot: int
    running: int

    @property
    def end(self) -> int:
        """When its request was over."""
        return self.slot + self.running


class Oracle:
    """Every permit ever used under a policy, and what follows from the policy's words alone."""

    def __init__(self, policy: RatePolicy) -> None:
        """Nothing was used yet."""
        self.used: list[Used] = []
        self.hold_until = 0
        self.guard = round(policy.guard_seconds * NANOSECONDS)
        self.counts = [(w.limit, round(w.seconds * NANOSECONDS) + self.guard) for w in policy.counts]
        self.spacing = max((round(SOFT_PACING * length / limit) for limit, length in self.counts), default=0)
        window = policy.running_time
        self.running_length = 0 if window is None else round(window.seconds * NANOSECONDS) + self.guard
        self.running_limit = (
            None if window is None else round(RUNNING_TIME_SHARE * window.limit_seconds * NANOSECONDS)
        )

    def earliest(self, now: int, running: int) -> int:
        """Search for the first moment that is allowed: what is allowed once stays so while nothing is added."""
        first, last = now, max([now, self.hold_until, *(each.end for each in self.used)])
        last += self.running_length + self.spacing + max((length for _, length in self.counts), default=0)
        while first < last:
            middle = (first + last) // 2
            if self.allows(middle, running):
                last = middle
            else:
                first = middle + 1
        return first

    def allows(self, slot: int, running: int) -> bool:
        """Whether the policy allows one more request of ``running`` at ``slot``."""
        return (
            slot >= self.hold_until
            and all(each.slot + self.spacing <= slot for each in self.used)
            and all(self.count(slot, length) < limit for limit, length in self.counts)
            and self.fits_running_time(slot, running)
        )

    def count(self, slot: int, length: int) -> int:
        """Count the permits of the window that ends at ``slot``."""
        return sum(slot - length < each.slot for each in self.used)

    def fits_running_time(self, slot: int, running: int) -> bool:
        """Whether ``running`` fits beside what the window still holds; alone anything does."""
        left = [each.end + self.running_length - slot for each in self.used]
        busy = sum(min(each.running, max(0, rest)) for each, rest in zip(self.used, left, strict=True))
        return self.running_limit is None or busy == 0 or busy + running <= self.running_limit

    def windows_exceeded(self) -> Iterator[tuple[Used, int]]:
        """Name each permit that stands in a count window with too many others before it."""
        for last in self.used:
            for limit, length in self.counts:
                if sum(last.slot - length < each.slot <= last.slot for each in self.used) > limit:
                    yield last, limit

    def most_running_time(self) -> int:
        """Return the most running time in any window: it changes its slope only where a request begins or ends."""
        moments = [
            moment
            for each in self.used
            for moment in (
                each.slot,
                each.end,
                each.slot + self.running_length,
                each.end + self.running_length,
            )
        ]
        return max((self.running_time(moment) for moment in moments), default=0)

    def running_time(self, moment: int) -> int:
        """Add up the running time inside the window that ends at ``moment``."""
        start = moment - self.running_length
        return sum(max(0, min(each.end, moment) - max(each.slot, start)) for each in self.used)


class AnyHistory(RuleBasedStateMachine):
    """Reservations, voids, settlements, holds, restarts and forgetting, in any order."""

    @initialize(policy=POLICIES)
    def begin(self, policy: RatePolicy) -> None:
        """Start an empty log under any policy."""
        self.policy = policy
        self.log = PermitLog(policy)
        self.oracle = Oracle(policy)
        self.now = 0
        self.numbers = 0
        self.is_foreseen = True

    @rule(elapsed=MOMENTS)
    def let_time_pass(self, elapsed: int) -> None:
        """Move the clock."""
        self.now += elapsed

    @rule(requests=st.lists(st.tuples(DURATIONS, st.just(0) | MOMENTS), min_size=1, max_size=6))
    def reserve(self, requests: list[tuple[int, int]]) -> None:
        """Take the first permit there is, or a later one, as another log may ask for."""
        for running, late in requests:
            slot = self.log.earliest(self.now, running)
            assert slot == self.oracle.earliest(self.now, running), "not the earliest allowed"
            slot = self.log.earliest(slot + late, running)
            assert slot == self.oracle.earliest(slot, running)
            self.numbers += 1
            self.log.reserve(self.numbers, slot, running)
            self.oracle.used.append(Used(self.numbers, slot, running))
            self.is_foreseen &= self.oracle.running_limit is None or running <= self.oracle.running_limit
        assert not list(self.oracle.windows_exceeded())
        if self.oracle.running_limit is not None and self.is_foreseen:
            assert self.oracle.most_running_time() <= self.oracle.running_limit

    @precondition(lambda self: self.remembered())
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        """Give a permit back."""
        permit = data.draw(st.sampled_from(self.remembered()))
        self.log.void(permit.number)
        self.oracle.used.remove(permit)

    @precondition(lambda self: self.remembered())
    @rule(data=st.data(), running=DURATIONS)
    def settle(self, data: st.DataObject, running: int) -> None:
        """Learn the true running time; one above the reservation may break the plan, as nothing could foresee."""
        permit = data.draw(st.sampled_from(self.remembered()))
        self.is_foreseen &= running <= permit.running
        self.log.settle(permit.number, running)
        permit.running = running

    @rule(ahead=MOMENTS)
    def hold(self, ahead: int) -> None:
        """Leave the host alone."""
        self.log.hold(self.now + ahead)
        self.oracle.hold_until = max(self.oracle.hold_until, self.now + ahead)

    @precondition(lambda self: not self.is_far_ahead())
    @rule()
    def forget(self) -> None:
        """Drop what no window counts any more: the oracle, which keeps everything, must not notice."""
        self.log.forget(self.now)

    @rule(shift=SHIFTS)
    def restart(self, shift: int) -> None:
        """Go on from what a store kept on its own clock."""
        self.log = PermitLog.load(self.policy, self.log.dump(shift), shift)

    @rule(number=st.integers(10**6, 10**7), running=DURATIONS)
    def hear_of_a_stranger(self, number: int, running: int) -> None:
        """A permit that is not in the log changes nothing."""
        self.log.settle(number, running)
        self.log.void(number)

    @invariant()
    def what_is_told_is_what_was_used(self) -> None:
        """The use of each window is that of the oracle, which has forgotten nothing."""
        use = self.log.use(self.now)
        assert use.counts == tuple(
            sum(self.now - (length - self.oracle.guard) < each.slot <= self.now for each in self.oracle.used)
            for _, length in self.oracle.counts
        )

    def is_far_ahead(self) -> bool:
        """Whether some permit was taken further ahead than the limiter ever does."""
        farthest = self.now + round(LONGEST_LEASE_SECONDS * NANOSECONDS)
        return any(each.slot > farthest for each in self.oracle.used)

    def remembered(self) -> list[Used]:
        """Return the permits that the log cannot have forgotten yet."""
        horizon = round(self.policy.horizon_seconds * NANOSECONDS)
        return [each for each in self.oracle.used if each.end + horizon >= self.now]


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=30)


@given(policy=POLICIES, running=DURATIONS, count=st.integers(1, 40))
def test_asking_without_a_pause_loses_nothing_but_the_pacing(
    policy: RatePolicy, running: int, count: int
) -> None:
    """The n-th of equal requests comes no later than a log without pacing gives it, plus the pacing of one window."""
    log, greedy = PermitLog(policy), Oracle(policy)
    pacing, greedy.spacing = greedy.spacing, 0
    longest = max((limit for limit, _ in greedy.counts), default=0)
    for number in range(count):
        slot, unpaced = log.earliest(0, running), greedy.earliest(0, running)
        assert unpaced <= slot <= unpaced + longest * pacing
        log.reserve(number, slot, running)
        greedy.used.append(Used(number, unpaced, running))


def test_pubchems_policy_gives_five_permits_in_each_second_and_its_guard() -> None:
    """The sixth comes 1.04 s after the first, and so on for ever: 4.8 a second, evenly enough."""
    log, slots = PermitLog(PUBCHEM), []
    for number in range(300):
        slots.append(log.earliest(0, 0))
        log.reserve(number, slots[-1], 0)
    assert {later - earlier for earlier, later in zip(slots, slots[5:], strict=False)} == {1_040_000_000}
    assert min(later - earlier for earlier, later in pairwise(slots)) >= 166_400_000


def test_the_minute_binds_after_a_burst_that_the_second_allowed() -> None:
    """With a policy of 10 a second, the 401st request waits for the first one to leave the minute."""
    policy = RatePolicy(counts=(CountWindow(limit=10, seconds=1.0), CountWindow(limit=400, seconds=60.0)))
    log = PermitLog(policy)
    first = log.earliest(0, 0)
    for number in range(400):
        log.reserve(number, log.earliest(0, 0), 0)
    assert log.earliest(0, 0) == first + 60_040_000_000


def test_answers_of_two_seconds_halve_the_rate() -> None:
    """300 s of running time a minute carry 150 requests of 2 s, though the counts would allow 288."""
    log, slots = PermitLog(PUBCHEM), []
    for number in range(1000):
        slots.append(log.earliest(0, 2 * NANOSECONDS))
        log.reserve(number, slots[-1], 2 * NANOSECONDS)
    minutes = (slots[-1] - slots[0]) / (60 * NANOSECONDS)
    assert 1000 / minutes == pytest.approx(300 / 2, rel=0.05)


def test_a_long_request_leaves_the_window_as_slowly_as_it_filled_it() -> None:
    window = RunningTimeWindow(limit_seconds=10 / RUNNING_TIME_SHARE, seconds=5.0)
    log = PermitLog(RatePolicy(running_time=window))
    log.reserve(1, 0, 9 * NANOSECONDS)
    log.forget(8 * NANOSECONDS)
    assert log.earliest(8 * NANOSECONDS, NANOSECONDS) == 8 * NANOSECONDS
    assert log.earliest(8 * NANOSECONDS, 2 * NANOSECONDS) == 8 * NANOSECONDS
    assert log.earliest(8 * NANOSECONDS, 10 * NANOSECONDS) == 14_040_000_000


@given(
    used=st.lists(st.tuples(MOMENTS, DURATIONS), max_size=12),
    held=MOMENTS,
    shifts=st.tuples(SHIFTS, SHIFTS),
    asked=st.tuples(MOMENTS, DURATIONS),
)
def test_a_log_means_the_same_on_any_clock(
    used: list[tuple[int, int]], held: int, shifts: tuple[int, int], asked: tuple[int, int]
) -> None:
    """What one process saved, another one reads on a clock of its own."""
    log, (now, running) = PermitLog(PUBCHEM), asked
    log.hold(held)
    for number, (late, length) in enumerate(used):
        log.reserve(number, log.earliest(late, length), length)
    here, there = shifts
    elsewhere, difference = PermitLog.load(PUBCHEM, log.dump(here), there), here - there
    assert elsewhere.earliest(now + difference, running) == log.earliest(now, running) + difference
    assert elsewhere.use(now + difference) == log.use(now)


def test_a_host_never_asked_has_an_empty_log() -> None:
    """The first permit is there at once."""
    assert PermitLog.load(PUBCHEM, None, 7).earliest(3, 0) == 3


def _stored() -> bytes:
    log = PermitLog(PUBCHEM)
    for number in range(3):
        log.reserve(number, log.earliest(0, 5), 5)
    return log.dump(10**18)


@pytest.mark.parametrize("length", range(len(_stored())))
def test_a_log_cut_short_is_no_log(length: int) -> None:
    """Whatever was lost, it is noticed."""
    with pytest.raises(ValueError, match="not a permit log"):
        PermitLog.load(PUBCHEM, _stored()[:length], 0)


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        [0],
        ["soon", []],
        [0, [[1, 2]]],
        [0, [[1, 2, "long"]]],
        [2**64 - 1, []],
        [0, [[1, 2**63, 5]]],
        [0, [[1, 2, -5]]],
    ],
    ids=repr,
)
def test_anything_else_is_no_log(content: object) -> None:
    """Other shapes, and times that no clock shows."""
    with pytest.raises(ValueError, match="not a permit log"):
        PermitLog.load(PUBCHEM, msgspec.msgpack.encode(content), 0)


@given(st.binary(max_size=60) | st.tuples(st.integers(0, 60), st.integers(0, 255)))
def test_damaged_bytes_are_an_error_or_a_log_that_works(damage: bytes | tuple[int, int]) -> None:
    """There is no third way."""
    if isinstance(damage, tuple):
        stored = bytearray(_stored())
        stored[damage[0] % len(stored)] = damage[1]
        damage = bytes(stored)
    try:
        log = PermitLog.load(PUBCHEM, damage, 10**18)
    except ValueError:
        return
    log.forget(0)
    log.reserve(1, log.earliest(0, 5), 5)
    log.dump(10**18)


HOUR = 3600 * NANOSECONDS
YEAR = 365 * 24 * HOUR


def _set_back(log: PermitLog, now: int, back: int) -> PermitLog:
    """Return ``log`` as it is read at ``now``, after the store's clock was set back."""
    read = PermitLog.load(PUBCHEM, log.dump(back), 0)
    read.forget(now)
    return read


@pytest.mark.parametrize("back", [HOUR, YEAR], ids=["an hour", "a year"])
def test_permits_stored_before_the_clock_was_set_back_count_as_used_now(back: int) -> None:
    """The minute is full all the same, and nobody waits for the old time to come again."""
    log, now = PermitLog(PUBCHEM), 10**18
    for number in range(400):
        log.reserve(number, log.earliest(now, 0), 0)
    assert _set_back(log, now, back).earliest(now, 0) == now + 60_040_000_000


def test_only_permits_that_nobody_leases_so_far_ahead_are_brought_back() -> None:
    """Those of half a minute ago and of half a minute ahead stay where they are."""
    log, now, half_a_minute = PermitLog(PUBCHEM), 10**18, 30 * NANOSECONDS
    for number, slot in enumerate([now - half_a_minute, now + half_a_minute, now + HOUR]):
        log.reserve(number, slot, 0)
    log.forget(now)
    used = [log.use(now + late * half_a_minute).counts for late in (-1, 0, 1, 2)]
    assert used == [(1, 1), (1, 2), (1, 2), (0, 1)]
    assert log.earliest(now, 0) > now + half_a_minute


def test_a_hold_stored_before_the_clock_was_set_back_ends_all_the_same() -> None:
    """A hold of an hour is believed, one of a year is not."""
    log, now = PermitLog(PUBCHEM), 10**18
    log.hold(now + HOUR)
    assert _set_back(log, now, 0).earliest(now, 0) == now + HOUR
    assert _set_back(log, now, YEAR).earliest(now, 0) == now + 60_040_000_000


def test_no_hold_stays_none_when_the_clock_is_set_back() -> None:
    """Nothing was asked for, so nothing can be in the future."""
    log, now = PermitLog(PUBCHEM), 10**18
    log.hold(now - HOUR)
    log.forget(now)
    assert _set_back(log, now, HOUR).earliest(now, 0) == now


@given(rate=st.floats(0.01, 1000), count=st.integers(2, 30))
def test_a_ceiling_only_ever_lowers(rate: float, count: int) -> None:
    """The permits of a lowered policy come no faster than the ceiling and no faster than the source allows."""
    lowered, published = PermitLog(PUBCHEM.lowered_to(rate)), Oracle(PUBCHEM)
    for number in range(count):
        published.used.append(Used(number, lowered.earliest(0, 0), 0))
        lowered.reserve(number, published.used[-1].slot, 0)
    assert not list(published.windows_exceeded())
    elapsed = published.used[-1].slot - published.used[0].slot
    assert elapsed / NANOSECONDS >= (count - 1) / rate * 0.999
    assert PUBCHEM.lowered_to(rate).requests_per_second == pytest.approx(min(rate, 5.0))


def test_no_ceiling_leaves_the_policy_as_it_is() -> None:
    """``None`` is no ceiling."""
    assert PUBCHEM.lowered_to(None) is PUBCHEM
    assert RatePolicy().is_unlimited
    assert RatePolicy().requests_per_second == float("inf")
