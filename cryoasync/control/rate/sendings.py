"""The requests of the last minutes as they went out, and what the source made of each."""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from cryoasync.control.rate.rate_belief import Load

WINDOW_SECONDS = 1.0
MINUTE_SECONDS = 60.0
SENDINGS_KEPT = 600
LONGEST_SECONDS = 30.0
"""What an answer takes at the longest."""

FIRST_GUESS_SECONDS = 0.5
SMOOTHING = 0.05

REFUSED_IN_A_ROW = 4
"""So many are hardly chance."""

CLOCK_SLACK_SECONDS = 0.001


class Outcome(Enum):
    """What the source made of a request, as far as is known."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(slots=True, eq=False)
class Sending:
    """A request that went out, and the running time it took, once that is known."""

    at: float
    outcome: Outcome = Outcome.PENDING
    running_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """How much a minute holds of what the source may bound in it."""

    running_seconds: float
    requests: int


class Sendings:
    """How much of them the source counts in its windows of a second and of a minute."""

    def __init__(self, guard_seconds: float) -> None:
        """Let ``guard_seconds`` be the spread of the latency on the way to the source."""
        self._guard_seconds = guard_seconds
        self._sendings: deque[Sending] = deque(maxlen=SENDINGS_KEPT)
        self._mean_seconds = FIRST_GUESS_SECONDS

    def add(self, now: float) -> Sending:
        """Note a request that goes out."""
        sending = Sending(now)
        self._sendings.append(sending)
        return sending

    def load(self, sending: Sending) -> Load:
        """Count what the source had let in within its window when ``sending`` arrived, itself included."""
        sure = most = 1
        for other in reversed(self._sendings):
            if other.at > sending.at or other is sending:
                continue
            age = sending.at - other.at
            if age > WINDOW_SECONDS + self._guard_seconds - CLOCK_SLACK_SECONDS:
                break
            if other.outcome is Outcome.REFUSED:
                continue
            most += 1
            sure += other.outcome is not Outcome.LOST and age < WINDOW_SECONDS - self._guard_seconds
        return Load(sure, most)

    def is_refused_alone(self, sending: Sending) -> bool:
        """Whether a refused request was alone in its second, and so many in a row were refused, it the last."""
        if self.load(sending).most > 1:
            return False
        before = (other for other in reversed(self._sendings) if other.at <= sending.at)
        row = list(islice(before, REFUSED_IN_A_ROW))
        return len(row) == REFUSED_IN_A_ROW and all(other.outcome is Outcome.REFUSED for other in row)

    def minute(self, sending: Sending) -> Minute:
        """Count what the minute before ``sending`` holds, itself included.

        As in the log of permits, running time leaves the minute one second a second.
        """
        requests, seconds, at = 1, self._took(sending), sending.at
        for other in reversed(self._sendings):
            age = at - other.at
            if age >= MINUTE_SECONDS + LONGEST_SECONDS:
                break
            if age < 0 or other is sending or other.outcome is Outcome.REFUSED:
                continue
            took = self._took(other)
            if age < MINUTE_SECONDS:
                requests += 1
                seconds += took
            elif took > age - MINUTE_SECONDS:
                seconds += took + MINUTE_SECONDS - age
        return Minute(running_seconds=seconds, requests=requests)

    def learn_running_time(self, sending: Sending) -> None:
        """Learn from an answer what requests take; those without an answer yet count with the mean."""
        if sending.running_seconds is not None:
            self._mean_seconds += SMOOTHING * (sending.running_seconds - self._mean_seconds)

    def accepted_before(self, sending: Sending) -> int:
        """Count what the source may have let in within a second before ``sending`` went out."""
        return sum(
            other.outcome in {Outcome.PENDING, Outcome.ACCEPTED}
            for other in self._sendings
            if sending.at - WINDOW_SECONDS < other.at < sending.at
        )

    def _took(self, sending: Sending) -> float:
        if sending.running_seconds is None or sending.outcome is Outcome.REFUSED:
            return self._mean_seconds
        return sending.running_seconds
