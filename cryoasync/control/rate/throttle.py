"""How long to leave a host alone after it refused for policy reasons.

A throttle is not a failure of the server: it slows the whole host and says nothing about the chunk. Many
answers refused at once are one event, so eight workers do not push the patience eight steps.
"""

import math
import random
from dataclasses import dataclass

MAXIMUM_JITTER_SECONDS = 60.0
FIRST_JITTER_SECONDS = 0.5
MOST_DOUBLINGS = 10
"""Beyond these the jitter stands at its maximum, and a day of refusals must not overflow."""

FIRST_BLOCK_SECONDS = 30.0
MAXIMUM_BLOCK_SECONDS = 900.0
PROBE_COST_SECONDS = 5.0
"""By how much a request into a block is thought to prolong it."""

BLOCK_JITTER = 0.25
"""The part of the wait in a block that chance adds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One refused request: when it was sent, what the server asked for, and whether the address is blocked."""

    sent_at: float
    retry_after_seconds: float | None
    blocked: bool


class ThrottleBackoff:
    """Grows with each event, and is forgotten with the first good answer sent after it.

    The wait is the server's ``Retry-After`` as the floor and full jitter on top. A block without
    ``Retry-After`` is left alone for half a minute at first. Then the wait grows with the square root of the time it
    has lasted, which makes what the probes prolong it by, and what is lost between its end and the next probe, least
    in sum: PubChem's blocks have been seen to last minutes, and a day.
    """

    def __init__(self, rng: random.Random) -> None:
        """Draw the jitter from ``rng``."""
        self._rng = rng
        self._events = 0
        self._last_event_at = float("-inf")
        self._blocked_since: float | None = None

    def refused(self, refusal: Refusal, now: float) -> float | None:
        """Return the seconds to leave the host alone, or ``None`` where ``refusal`` tells nothing more.

        A further answer of the same event lets no patience grow, yet what it asks for itself is granted.
        """
        if refusal.blocked and self._blocked_since is None:
            self._blocked_since = now
        asked = refusal.retry_after_seconds or 0.0
        wait = max(asked, self._patience_seconds(now)) if refusal.blocked else asked
        if refusal.sent_at < self._last_event_at:
            return wait or None
        self._last_event_at = now
        jitter = FIRST_JITTER_SECONDS * 2.0 ** min(self._events, MOST_DOUBLINGS)
        if refusal.blocked:
            jitter = BLOCK_JITTER * wait
        self._events += 1
        return wait + self._rng.uniform(0, min(MAXIMUM_JITTER_SECONDS, jitter))

    def accepted(self, sent_at: float) -> None:
        """Forget the events before a good answer to a request sent at ``sent_at``."""
        if sent_at >= self._last_event_at:
            self._events = 0
            self._blocked_since = None

    def _patience_seconds(self, now: float) -> float:
        """Return how long to leave a block alone that has lasted until now."""
        lasted = 0.0 if self._blocked_since is None else now - self._blocked_since
        return min(
            MAXIMUM_BLOCK_SECONDS, max(FIRST_BLOCK_SECONDS, math.sqrt(2 * PROBE_COST_SECONDS * lasted))
        )
