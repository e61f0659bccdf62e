"""The exact log of permits under several sliding windows: it decides when the next request may go out.

Plain decisions on integers, no clock, no I/O. The log is kept in one file a user and in the database, so that
every process on one address plans on the same log, and a restart finds what was sent before.
"""

import heapq
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from operator import attrgetter

from cryoasync.control.rate.rate_policy import NANOSECONDS, BudgetUse, RatePolicy
from cryoasync.control.rate.stored_permits import PermitEntry, StoredPermits, read_permits

SOFT_PACING = 0.8
"""Permits are spaced by this part of the even distance: smooth, yet a late one does not cost throughput."""

RUNNING_TIME_SHARE = 0.995
"""The part of the running-time window that is planned with.

A request counts with what is reserved for it until its answer is there, and then with what was measured here,
which the way there and back makes longer than what the source counts.
"""

LONGEST_LEASE_SECONDS = 120.0
"""No permit is leased further ahead: one that seems to be was stored before the store's clock was set back."""

LONGEST_HOLD_SECONDS = 3700.0
"""No host is left alone for longer: a ``Retry-After`` counts up to an hour, and the jitter is at most a minute."""

NO_HOLD = -(2**62)
"""No hold, on any clock."""

_slot_of = attrgetter("slot")


class PermitLog:
    """The permits of the last minute, oldest first, all times in nanoseconds of one clock.

    Any ``limit + 1`` consecutive permits of a window lie at least its length and the guard apart, whatever the
    order of reservations, voids and settlements.
    """

    def __init__(self, policy: RatePolicy) -> None:
        """Start with an empty log under ``policy``."""
        self.policy = policy
        self._entries: deque[PermitEntry] = deque()
        self._all_running = 0
        self._hold_until = NO_HOLD
        self._guard = round(policy.guard_seconds * NANOSECONDS)
        self._windows = tuple((window.limit, round(window.seconds * NANOSECONDS)) for window in policy.counts)
        self._horizon = round(policy.horizon_seconds * NANOSECONDS)
        running = policy.running_time
        self._running_length = 0 if running is None else round(running.seconds * NANOSECONDS) + self._guard
        self._running_limit = (
            None if running is None else round(RUNNING_TIME_SHARE * running.limit_seconds * NANOSECONDS)
        )
        self._spacing = max(
            (round(SOFT_PACING * (length + self._guard) / limit) for limit, length in self._windows),
            default=0,
        )

    def earliest(self, now: int, running: int) -> int:
        """Return the first moment, not before ``now``, at which one more request of ``running`` ns may go out."""
        slot = max(now, self._hold_until)
        if self._entries:
            slot = max(slot, self._entries[-1].slot + self._spacing)
        for limit, length in self._windows:
            if len(self._entries) >= limit:
                slot = max(slot, self._entries[-limit].slot + length + self._guard)
        return self._after_running_time(slot, running)

    def reserve(self, number: int, slot: int, running: int) -> None:
        """Take the permit ``number`` at ``slot``, which :meth:`earliest` gave."""
        self._entries.append(PermitEntry(number, slot, running))
        self._all_running += running

    def settle(self, number: int, running: int) -> None:
        """Put the measured running time in the place of the reserved one."""
        index = self._index(number)
        if index is not None:
            entry = self._entries[index]
            self._entries[index] = PermitEntry(number, entry.slot, running)
            self._all_running += running - entry.running

    def use_at(self, number: int, at: int) -> None:
        """Note that a permit was used as late as ``at``."""
        index = self._index(number)
        if index is None or at <= self._entries[index].slot:
            return
        self._entries[index] = PermitEntry(number, at, self._entries[index].running)
        if index + 1 < len(self._entries) and self._entries[index + 1].slot < at:
            self._sort()

    def void(self, number: int) -> None:
        """Take back a permit that was never used."""
        index = self._index(number)
        if index is not None:
            self._all_running -= self._entries[index].running
            del self._entries[index]

    def hold(self, until: int) -> None:
        """Let nothing out before ``until``."""
        self._hold_until = max(self._hold_until, until)

    def forget(self, now: int) -> None:
        """Drop the permits that no window counts any more at ``now``.

        A clock that was set back leaves permits and holds in a far future; they count as used at ``now``.
        """
        self._bring_back(now)
        if self._hold_until <= now:
            self._hold_until = NO_HOLD
        while self._entries and self._entries[0].slot + self._entries[0].running + self._horizon < now:
            self._all_running -= self._entries.popleft().running

    def use(self, now: int) -> BudgetUse:
        """Return how much of each window is taken at ``now``."""
        upto = self._count_until(now)
        counts = tuple(upto - self._count_until(now - length) for _, length in self._windows)
        return BudgetUse(counts=counts, running_seconds=self._running_time(now) / NANOSECONDS)

    def align(self, other: "PermitLog") -> None:
        """Take the times of permits that ``other`` has, too, from there: its clock is the better one."""
        slots = other.slots()
        if any(slots.get(entry.number, entry.slot) != entry.slot for entry in self._entries):
            self._entries = deque(
                PermitEntry(entry.number, slots.get(entry.number, entry.slot), entry.running)
                for entry in self._entries
            )
            self._sort()

    def slots(self) -> dict[int, int]:
        """Return the permits on the books: when each may be used, by its number."""
        return {entry.number: entry.slot for entry in self._entries}

    def under(self, policy: RatePolicy) -> "PermitLog":
        """Return this log under another policy."""
        log = PermitLog(policy)
        log._hold_until = self._hold_until
        log._entries = self._entries.copy()
        log._all_running = self._all_running
        return log

    def dump(self, shift: int) -> bytes:
        """Return the log for a store whose clock is ``shift`` ns ahead of this one's."""
        entries = [PermitEntry(e.number, e.slot + shift, e.running) for e in self._entries]
        hold_until = NO_HOLD if self._hold_until == NO_HOLD else self._hold_until + shift
        return StoredPermits(hold_until, entries).dump()

    @classmethod
    def load(cls, policy: RatePolicy, stored: bytes | None, shift: int) -> "PermitLog":
        """Read a log from a store whose clock is ``shift`` ns ahead; an unknown host has an empty log.

        Raises:
            ValueError: ``stored`` is no log.
        """
        log = cls(policy)
        if stored is None:
            return log
        content = read_permits(stored)
        log._hold_until = NO_HOLD if content.hold_until == NO_HOLD else content.hold_until - shift
        log._entries.extend(
            PermitEntry(e.number, e.slot - shift, e.running) for e in sorted(content.entries, key=_slot_of)
        )
        log._all_running = sum(entry.running for entry in log._entries)
        return log

    def _bring_back(self, now: int) -> None:
        """Move to ``now`` what lies further ahead of it than anything is ever put."""
        farthest = now + round(LONGEST_LEASE_SECONDS * NANOSECONDS)
        if self._entries and self._entries[-1].slot > farthest:
            self._entries = deque(
                PermitEntry(entry.number, now, entry.running) if entry.slot > farthest else entry
                for entry in self._entries
            )
            self._sort()
        if self._hold_until > now + round(LONGEST_HOLD_SECONDS * NANOSECONDS):
            self._hold_until = now + self._horizon

    def _after_running_time(self, slot: int, running: int) -> int:
        """Return ``slot``, or the first moment after it at which the running time fits.

        The requests under way leave the window one second a second each, from its length after their start
        until its length after their end.
        """
        if self._running_limit is None:
            return slot
        room = self._running_limit - running
        if self._all_running <= room:
            return slot
        excess = self._running_time(slot) - room
        if excess <= 0:
            return slot
        moment, leaving = slot, 0
        for at, change in self._slopes(slot):
            if leaving * (at - moment) >= excess:
                return moment - (-excess // leaving)
            excess -= leaving * (at - moment)
            moment, leaving = at, leaving + change
        return moment

    def _slopes(self, slot: int) -> Iterator[tuple[int, int]]:
        """Yield in order when, from ``slot`` on, one request more or fewer is leaving the running-time window."""
        ends: list[int] = []
        for entry in self._entries:
            gone = entry.slot + entry.running + self._running_length
            if not entry.running or gone <= slot:
                continue
            begins = max(slot, entry.slot + self._running_length)
            while ends and ends[0] <= begins:
                yield heapq.heappop(ends), -1
            yield begins, 1
            heapq.heappush(ends, gone)
        while ends:
            yield heapq.heappop(ends), -1

    def _running_time(self, now: int) -> int:
        """Return the running time inside the window that ends at ``now``, whole for requests still under way."""
        left, began_before = 0, now - self._running_length
        for entry in self._entries:
            if entry.slot >= began_before:
                break
            left += min(entry.running, began_before - entry.slot)
        return self._all_running - left

    def _count_until(self, moment: int) -> int:
        return bisect_right(self._entries, moment, key=_slot_of)

    def _index(self, number: int) -> int | None:
        """Return where a permit stands; it is one of the last, as a rule."""
        for later, entry in enumerate(reversed(self._entries), start=1):
            if entry.number == number:
                return len(self._entries) - later
        return None

    def _sort(self) -> None:
        self._entries = deque(sorted(self._entries, key=_slot_of))
