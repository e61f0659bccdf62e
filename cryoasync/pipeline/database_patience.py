"""Waits for a database that is out of reach."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from cryoasync.control.outage import Outage
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.ports import Clock

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 15.0

_SAVED = "Progress is saved: the same command, run again, goes on where it stopped."

_Result = TypeVar("_Result")

_log = structlog.get_logger(__name__)


class DatabasePatience:
    """Tries again until the database answers, within the patience set, and has the fetching paused meanwhile.

    Each user of the database has one of its own: a heartbeat that comes through must not end the outage of
    commits that a full disk refuses.
    """

    def __init__(
        self,
        patience_seconds: float,
        breaker: DatabaseBreaker,
        *,
        drowning_seconds: float,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Bear outages of up to ``patience_seconds``; ``rng`` draws the jitter of the backoff.

        ``breaker`` is told of outages, and of a database that takes longer than ``drowning_seconds``.
        """
        self._outage = Outage(patience_seconds)
        self._breaker = breaker
        self._drowning_seconds = drowning_seconds
        self._clock = clock
        self._rng = rng

    async def keep_trying(self, operation: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return what ``operation`` gives, called again while the database is out of reach.

        Raises:
            DatabaseUnavailableError: it has been for longer than the patience.
        """
        ceiling = FIRST_BACKOFF_SECONDS
        drowning = asyncio.get_running_loop().call_later(self._drowning_seconds, self._drown)
        try:
            while True:
                try:
                    result = await operation()
                except DatabaseUnavailableError as error:
                    self._note(error)
                else:
                    self._outage.succeeded()
                    self._breaker.relief(self)
                    return result
                await asyncio.sleep(self._rng.uniform(ceiling / 2, ceiling))
                ceiling = min(LONGEST_BACKOFF_SECONDS, 2 * ceiling)
        finally:
            drowning.cancel()

    def _drown(self) -> None:
        if not self._breaker.is_open:
            _log.warning("database slow: fetching is paused", seconds=self._drowning_seconds)
        self._breaker.trouble(self)

    def _note(self, error: DatabaseUnavailableError) -> None:
        self._breaker.trouble(self)
        now = self._clock()
        self._outage.failed(now)
        lasted_seconds = self._outage.lasted_seconds(now)
        _log.warning("database out of reach", reason=error.message, seconds=round(lasted_seconds, 1))
        if self._outage.is_beyond_patience(now):
            hint = _SAVED if error.hint is None else f"{error.hint} {_SAVED}"
            raise type(error)(error.message, hint=hint) from error
