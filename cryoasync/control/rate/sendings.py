"""The requests of the last minutes as they went out, and what the source made of each."""

from collections import deque
from dataclasses import dataclass
from enum import Enum

from cryoasync.control.rate.rate_belief import Load

WINDOW_SECONDS = 1.0
SENDINGS_KEPT = 600
CLOCK_SLACK_SECONDS = 0.001


class Outcome(Enum):
    """What the source made of a request, as far as is known."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(slots=True, eq=False)
class Sending:
    """A request that went out."""

    at: float
    outcome: Outcome = Outcome.PENDING


class Sendings:
    """How many of them the source counts in its window of a second."""

    def __init__(self, guard_seconds: float) -> None:
        """Let ``guard_seconds`` be the spread of the latency on the way to the source."""
        self._guard_seconds = guard_seconds
        self._sendings: deque[Sending] = deque(maxlen=SENDINGS_KEPT)

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

    def accepted_before(self, sending: Sending) -> int:
        """Count what the source may have let in within a second before ``sending`` went out."""
        return sum(
            other.outcome in {Outcome.PENDING, Outcome.ACCEPTED}
            for other in self._sendings
            if sending.at - WINDOW_SECONDS < other.at < sending.at
        )
