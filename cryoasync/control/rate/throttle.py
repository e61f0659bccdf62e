"""How long to leave a host alone after it refused for policy reasons.

A throttle is not a failure of the server: it slows the whole host and says nothing about the chunk. Many
answers refused at once are one event, so eight workers do not push the patience eight steps.
"""

import random
from dataclasses import dataclass

MAXIMUM_JITTER_SECONDS = 60.0
FIRST_JITTER_SECONDS = 0.5
FIRST_BLOCK_SECONDS = 30.0
MAXIMUM_BLOCK_SECONDS = 900.0
MOST_DOUBLINGS = 10
"""Beyond these, both waits stand at their maximum, and a day of refusals must not overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One refused request: when it was sent, what the server asked for, and whether the address is blocked."""

    sent_at: float
    retry_after_seconds: float | None
    blocked: bool


class ThrottleBackoff:
    """Grows with each event, and is forgotten with the first good answer sent after it.

    The wait is the server's ``Retry-After`` as the floor and full jitter on top. A block without
    ``Retry-After`` starts at half a minute; PubChem's blocks have been seen to last minutes, so it doubles.
    """

    def __init__(self, rng: random.Random) -> None:
        """Draw the jitter from ``rng``."""
        self._rng = rng
        self._events = 0
        self._last_event_at = float("-inf")

    def refused(self, refusal: Refusal, now: float) -> float | None:
        """Return the seconds to leave the host alone, or ``None`` where ``refusal`` tells nothing more.

        A further answer of the same event lets no patience grow, yet what it asks for itself is granted.
        """
        if refusal.sent_at < self._last_event_at:
            return self._asked_for(refusal, 1.0) or None
        self._last_event_at = now
        step = 2.0 ** min(self._events, MOST_DOUBLINGS)
        self._events += 1
        jitter = self._rng.uniform(0, min(MAXIMUM_JITTER_SECONDS, FIRST_JITTER_SECONDS * step))
        return self._asked_for(refusal, step) + jitter

    def accepted(self, sent_at: float) -> None:
        """Forget the events before a good answer to a request sent at ``sent_at``."""
        if sent_at >= self._last_event_at:
            self._events = 0

    @staticmethod
    def _asked_for(refusal: Refusal, step: float) -> float:
        block = min(MAXIMUM_BLOCK_SECONDS, FIRST_BLOCK_SECONDS * step) if refusal.blocked else 0.0
        return max(block, refusal.retry_after_seconds or 0.0)
