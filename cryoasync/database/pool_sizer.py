"""How many connections a pool should have: a decision from its load, with the time passed in."""

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_GUESS_SECONDS = 0.02
"""What opening a connection is taken to last until one was opened."""

_LONGEST_GUESS_SECONDS = 1.0
_WEIGHT_OF_LAST = 0.3


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
    """Grows a pool for those who waited longer than a connection takes to open, and shrinks it after a quiet time.

    Whoever waits less is served sooner by a connection that is given back than by a new one.
    """

    def __init__(self, minimum: int, maximum: int, *, quiet_seconds: float) -> None:
        """Keep between the bounds; a connection that ``quiet_seconds`` had no need of is one too many."""
        if not 0 <= minimum <= maximum or maximum < 1:
            raise ValueError("a pool has at least one connection, and its minimum is not above its maximum")
        self.minimum = minimum
        self.maximum = maximum
        self._quiet_seconds = quiet_seconds
        self._opening_seconds = FIRST_GUESS_SECONDS
        self._window_began_at: float | None = None
        self._peak = 0
        self._peak_before = maximum

    def opened(self, seconds: float) -> None:
        """Learn how long opening a connection took."""
        last = min(seconds, _LONGEST_GUESS_SECONDS)
        self._opening_seconds += _WEIGHT_OF_LAST * (last - self._opening_seconds)

    def server_bears(self, connections: int) -> None:
        """Learn how many connections the server can ever give us."""
        self.maximum = max(1, min(self.maximum, connections))
        self.minimum = min(self.minimum, self.maximum)

    def openings(self, load: PoolLoad, now: float) -> int:
        """Return how many connections to begin opening now."""
        patient_until = now - self._opening_seconds
        starved = sum(since <= patient_until for since in load.waiting_since)
        if load.waiting_since and load.size == 0:
            starved = max(starved, 1)
        wanted = max(self.minimum - load.size, starved - load.opening)
        return max(0, min(wanted, self.maximum - load.size))

    def next_look(self, load: PoolLoad, now: float) -> float | None:
        """Return when another connection may be wanted though nothing happens; ``None`` for never."""
        if load.size >= self.maximum:
            return None
        moments = (since + self._opening_seconds for since in load.waiting_since)
        return next((moment for moment in moments if moment > now), None)

    def surplus(self, load: PoolLoad, now: float) -> int:
        """Return how many idle connections to close; to be asked at least once in the quiet time."""
        if self._window_began_at is None:
            self._window_began_at = now
        if now - self._window_began_at >= self._quiet_seconds:
            self._window_began_at, self._peak_before, self._peak = now, self._peak, 0
        self._peak = max(self._peak, load.demand)
        needed = max(self.minimum, self._peak, self._peak_before)
        return min(load.idle, max(0, load.size - needed))
