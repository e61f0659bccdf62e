"""How many connections a pool should have: a decision from its load, with the time passed in."""

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_GUESS_SECONDS = 0.02
"""What opening a connection is taken to last until one was opened."""

_LONGEST_GUESS_SECONDS = 1.0
_SHORTEST_GUESS_SECONDS = 0.001
_WEIGHT_OF_LAST = 0.3
_RESOLUTION_SECONDS = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLoad:
    """What a pool has and what is wanted of it at one moment.

    ``waiting_since`` holds, for everybody who waits, when that began; the earliest first.
    """

    in_use: int
    idle: int
    opening: int
    waiting_since: Sequence[float] = ()

    @property
    def size(self) -> int:
        """The connections that there are, or are about to be."""
        return self.in_use + self.idle + self.opening

    @property
    def demand(self) -> int:
        """The connections that would leave nobody waiting."""
        return self.in_use + len(self.waiting_since)


class PoolSizer:
    """Grows a pool once waiting has cost what a connection costs to open, and shrinks it after a quiet time.

    What all wait together, but for those for whom a connection is being opened, is summed up, and for each time that
    an opening takes one is begun. So a queue of many makes the pool grow at once, a single waiter after as long as an
    opening would have taken, and small waits that come again and again after a while.
    """

    def __init__(self, minimum: int, maximum: int, *, quiet_seconds: float) -> None:
        """Keep between the bounds; a connection that ``quiet_seconds`` had no need of is one too many."""
        if not 0 <= minimum <= maximum or maximum < 1:
            raise ValueError("a pool has at least one connection, and its minimum is not above its maximum")
        self.minimum = minimum
        self.maximum = maximum
        self._quiet_seconds = quiet_seconds
        self._opening_seconds = FIRST_GUESS_SECONDS
        self._waited_seconds = 0.0
        self._waiting = 0
        self._looked_at = 0.0
        self._window_began_at: float | None = None
        self._peak = 0
        self._peak_before = maximum

    def opened(self, seconds: float) -> None:
        """Learn how long opening a connection took."""
        last = min(max(seconds, _SHORTEST_GUESS_SECONDS), _LONGEST_GUESS_SECONDS)
        self._opening_seconds += _WEIGHT_OF_LAST * (last - self._opening_seconds)

    def server_bears(self, connections: int) -> None:
        """Learn how many connections the server can ever give us."""
        self.maximum = max(1, min(self.maximum, connections))
        self.minimum = min(self.minimum, self.maximum)

    def openings(self, load: PoolLoad, now: float) -> int:
        """Return how many connections to begin opening now; to be asked whenever the load changes."""
        self._waited_seconds += self._waiting * (now - self._looked_at)
        self._looked_at = now
        room = self.maximum - load.size
        wanted = max(self.minimum - load.size, int(self._waited_seconds / self._opening_seconds))
        if load.waiting_since and load.size == 0:
            wanted = max(wanted, 1)
        begun = max(0, min(wanted, room))
        # Neither what a full pool could not help counts later, nor what was opened for another reason.
        left = self._waited_seconds - begun * self._opening_seconds
        self._waited_seconds = min(max(0.0, left), self._opening_seconds)
        is_full = begun >= room
        self._waiting = 0 if is_full else max(0, len(load.waiting_since) - load.opening - begun)
        return begun

    def next_look(self, now: float) -> float | None:
        """Return when another connection will be wanted if nothing else happens; ``None`` for never."""
        if not self._waiting:
            return None
        return now + (self._opening_seconds - self._waited_seconds) / self._waiting + _RESOLUTION_SECONDS

    def surplus(self, load: PoolLoad, now: float) -> int:
        """Return how many idle connections to close; to be asked at least once in the quiet time."""
        if self._window_began_at is None:
            self._window_began_at = now
        if now - self._window_began_at >= self._quiet_seconds:
            self._window_began_at, self._peak_before, self._peak = now, self._peak, 0
            self._waited_seconds = 0.0
        self._peak = max(self._peak, load.demand)
        needed = max(self.minimum, self._peak, self._peak_before)
        return min(load.idle, max(0, load.size - needed))
