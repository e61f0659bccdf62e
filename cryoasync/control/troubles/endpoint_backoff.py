"""How long what failed waits before it is asked for again: a matter of the endpoint, not of each batch."""

import random

FIRST_CEILING_SECONDS = 0.5
LONGEST_CEILING_SECONDS = 8.0
"""Longer outages open the endpoint's circuit, which knows when to try."""

MOST_EVENTS = 5


class EndpointBackoff:
    """Full jitter below a ceiling that doubles with each event, and falls back with the first good answer after it.

    Requests that were under way together and fail together are one event.
    """

    def __init__(self, rng: random.Random) -> None:
        """Start healthy."""
        self._rng = rng
        self._events = 0
        self._last_event_at = float("-inf")

    def failed(self, sent_at: float | None, now: float) -> float:
        """Note a failure, and return the seconds to wait; ``sent_at`` is ``None`` where nothing was sent."""
        if sent_at is None or sent_at >= self._last_event_at:
            self._last_event_at = now
            self._events = min(MOST_EVENTS, self._events + 1)
        ceiling = FIRST_CEILING_SECONDS * 2.0 ** max(0, self._events - 1)
        return self._rng.uniform(0.0, min(LONGEST_CEILING_SECONDS, ceiling))

    def passed(self, sent_at: float) -> None:
        """Note a good answer to a request sent at ``sent_at``."""
        if sent_at >= self._last_event_at:
            self._events = 0
