"""Pauses the fetching while what is fetched could not be stored."""

from dataclasses import dataclass

from cryoasync.pipeline.pause_gate import PauseGate
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """Whether fetching is paused, how often it was, and for how long altogether."""

    is_open: bool
    openings: int
    open_seconds: float


class DatabaseBreaker:
    """Open while one of the database's users is in trouble: it does not get through, or waits for too long.

    Users are told apart, for a heartbeat that comes through does not mean that commits do.
    """

    def __init__(self, *, clock: Clock) -> None:
        """Start closed."""
        self._clock = clock
        self._in_trouble: set[object] = set()
        self._gate = PauseGate()
        self._openings = 0
        self._opened_at = 0.0
        self._open_seconds = 0.0

    @property
    def is_open(self) -> bool:
        """Whether no new work is to be begun."""
        return bool(self._in_trouble)

    def trouble(self, user: object) -> None:
        """Note that a user of the database is in trouble."""
        if not self._in_trouble:
            self._openings += 1
            self._opened_at = self._clock()
            self._gate.close()
        self._in_trouble.add(user)

    def relief(self, user: object) -> None:
        """Note that a user of the database got through."""
        if self._in_trouble == {user}:
            self._open_seconds += self._clock() - self._opened_at
            self._gate.open()
        self._in_trouble.discard(user)

    def state(self) -> BreakerState:
        """Return how it stands."""
        lasting = self._clock() - self._opened_at if self.is_open else 0.0
        return BreakerState(
            is_open=self.is_open, openings=self._openings, open_seconds=self._open_seconds + lasting
        )

    async def wait_until_closed(self, stop: StopRequest) -> None:
        """Return when work may go on, or when a stop is asked for."""
        await self._gate.wait(stop)
