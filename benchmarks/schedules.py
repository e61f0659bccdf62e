"""Random schedules of the limiter's permits, each checked against the words of its policy.

One or two processes share a budget; permits are used late, cancelled or left to expire, clocks stall, processes
are killed and started again, limits change and hosts ask to be left alone. No window may be exceeded, at the client
or, with any latency inside the guard, at the server; and no cancelled permit may stay on the books.

Run: ``python -m benchmarks.schedules --schedules 1000000``.
"""

import argparse
import random
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeVar

from benchmarks.report import print_report, say
from cryoasync.control.rate.permit_ledger import Permit, PermitLedger, Slot
from cryoasync.control.rate.permit_log import PermitLog
from cryoasync.control.rate.rate_policy import NANOSECONDS, CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.testing import MemoryBudgetStore

HOST = "https://source:443"
GUARD_SECONDS, TOLERANCE_SECONDS = 0.04, 0.02
STEPS = 40
SEEDS_A_PART = 2_000

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What schedules came to; everything but the first three is a fault."""

    schedules: int = 0
    sent: int = 0
    cancelled: int = 0
    exceeded_at_client: int = 0
    exceeded_at_server: int = 0
    leaked: int = 0
    seeds_at_fault: list[int] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take another tally in."""
        for name in ("schedules", "sent", "cancelled", "exceeded_at_client", "exceeded_at_server", "leaked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seeds_at_fault += other.seeds_at_fault

    @property
    def faults(self) -> int:
        """Windows exceeded, and permits leaked."""
        return self.exceeded_at_client + self.exceeded_at_server + self.leaked


@dataclass(slots=True, eq=False)
class _Process:
    """A process that leases: its clock is ahead of the world's by ``offset``."""

    offset: float
    ledger: PermitLedger
    store: MemoryBudgetStore
    slots: list[Slot] = field(default_factory=list)
    out: list[tuple[Permit, float]] = field(default_factory=list)


class Schedule:
    """One history of a budget."""

    def __init__(self, rng: random.Random, steps: int = STEPS) -> None:
        """Draw policy and processes; fewer ``steps`` are the beginning of the same history."""
        self._steps = steps
        self._rng = rng
        self.now = 1000.0
        self.policy = _policy(rng)
        self._logs: dict[str, bytes | None] = {}
        self.sends: list[float] = []
        self.cancelled: set[int] = set()
        self._processes = [self._started() for _ in range(rng.choice([1, 1, 2]))]

    def play(self) -> Tally:
        """Play it, and count its faults."""
        for _ in range(self._steps):
            process = self._rng.choice(self._processes)
            step = self._rng.choice([self._lease, self._lease, self._advance, self._advance, self._disturb])
            step(process)
        for process in self._processes:
            _done(process.ledger.lease(0, self.policy, 0.0))
        return Tally(
            schedules=1,
            sent=len(self.sends),
            cancelled=len(self.cancelled),
            exceeded_at_client=self._exceeded(self.sends),
            exceeded_at_server=self._exceeded(
                [at + self._rng.uniform(0.0, GUARD_SECONDS - TOLERANCE_SECONDS) for at in self.sends]
            ),
            leaked=self._leaked(),
        )

    def _lease(self, process: _Process) -> None:
        rng = self._rng
        policy = self.policy
        if rng.random() < 0.2:
            policy = policy.limited_to(rng.randint(1, 5)).lowered_to(rng.choice([None, 0.5, 3.0]))
        now = self.now + process.offset
        hold_until = now + rng.uniform(0.0, 1.5) if rng.random() < 0.1 else 0.0
        slots, _ = _done(process.ledger.lease(rng.randint(1, 5), policy, hold_until))
        process.slots += slots

    def _advance(self, _: _Process) -> None:
        """Let time pass in small steps, each permit used, cancelled or late as it comes."""
        until = self.now + self._rng.uniform(0.0, 1.2)
        while self.now < until:
            self.now += self._rng.uniform(0.0, 0.15)
            for process in self._processes:
                self._use_what_is_due(process)

    def _use_what_is_due(self, process: _Process) -> None:
        rng = self._rng
        for slot in list(process.slots):
            due = slot.at / NANOSECONDS - process.offset
            if rng.random() < 0.03 or (
                due <= self.now and self.now > due + TOLERANCE_SECONDS and rng.random() < 0.5
            ):
                self._cancel(process, slot)
            elif due <= self.now:
                process.slots.remove(slot)
                sent_at = due + rng.uniform(0.0, TOLERANCE_SECONDS)
                permit = Permit(slot.number, due + process.offset, process.ledger.expected_seconds)
                now, self.now = self.now, sent_at
                process.ledger.use(permit)
                self.now = now
                process.out.append((permit, sent_at))
                self.sends.append(sent_at)
        for permit, sent_at in list(process.out):
            if rng.random() < 0.4:
                process.out.remove((permit, sent_at))
                process.ledger.settle(permit, max(0.0, self.now - sent_at))

    def _cancel(self, process: _Process, slot: Slot) -> None:
        process.slots.remove(slot)
        process.ledger.void(slot.number)
        self.cancelled.add(slot.number)

    def _disturb(self, process: _Process) -> None:
        """Stall, so that permits expire; or be killed with permits in hand and start again."""
        if self._rng.random() < 0.5:
            self.now += self._rng.uniform(0.05, 3.0)
            for slot in list(process.slots):
                if slot.at / NANOSECONDS - process.offset + TOLERANCE_SECONDS < self.now:
                    self._cancel(process, slot)
            return
        # What it cancelled last was not told to anybody: it stays on the books until it is forgotten.
        self.cancelled.clear()
        self._processes[self._processes.index(process)] = self._started()

    def _started(self) -> _Process:
        rng = self._rng
        offset = rng.uniform(-500.0, 500.0)
        store = MemoryBudgetStore(shift=round(-offset * NANOSECONDS))
        store.logs = self._logs
        ledger = PermitLedger(HOST, self.policy, [store], clock=lambda: self.now + offset, rng=rng)
        return _Process(offset, ledger, store)

    def _exceeded(self, times: Sequence[float]) -> int:
        ordered = sorted(times)
        return sum(
            later - earlier < window.seconds - 1e-6
            for window in self.policy.counts
            for earlier, later in zip(ordered, ordered[window.limit :], strict=False)
        )

    def _leaked(self) -> int:
        stored = self._logs.get(HOST)
        kept = set(PermitLog.load(self.policy, stored, 0).slots())
        return len(self.cancelled & kept)


def _policy(rng: random.Random) -> RatePolicy:
    counts = [CountWindow(limit=rng.randint(1, 6), seconds=rng.choice([0.2, 1.0, 1.0]))]
    if rng.random() < 0.5:
        counts.append(CountWindow(limit=rng.randint(3, 12), seconds=rng.choice([2.0, 4.0])))
    running = (
        RunningTimeWindow(limit_seconds=rng.uniform(2.0, 9.0), seconds=4.0) if rng.random() < 0.3 else None
    )
    return RatePolicy(
        counts=tuple(counts),
        running_time=running,
        guard_seconds=GUARD_SECONDS,
        tolerance_seconds=TOLERANCE_SECONDS,
    )


def _done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives that never has to wait."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waits")


def play_seeds(first: int, count: int) -> Tally:
    """Play the schedules of ``count`` seeds."""
    tally = Tally()
    for seed in range(first, first + count):
        played = Schedule(random.Random(seed)).play()
        if played.faults:
            played.seeds_at_fault.append(seed)
        tally.add(played)
    return tally


def main() -> None:
    """Play what the command line asks for; a fault is an exit code of 1."""
    parser = argparse.ArgumentParser(prog="schedules", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000_000)
    given = parser.parse_args()
    began, total = time.monotonic(), Tally()
    parts = range(0, given.schedules, SEEDS_A_PART)
    with ProcessPoolExecutor() as pool:
        for number, part in enumerate(pool.map(play_seeds, parts, repeat(SEEDS_A_PART)), start=1):
            total.add(part)
            if number % 25 == 0:
                say(f"{total.schedules:,} schedules, {total.faults} faults, {time.monotonic() - began:.0f} s")
    print_report(
        "schedules", vars(given), {name: getattr(total, name) for name in Tally.__dataclass_fields__}
    )
    raise SystemExit(1 if total.faults else 0)


if __name__ == "__main__":
    main()
