"""What runs learn of a source: loaded when one starts, kept each minute and when it ends."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import structlog

from cryoasync.control.chunks.chunk_sizer import AdaptiveChunkSizer
from cryoasync.control.chunks.half_hours import Costs, HalfHour, HalfHourTable
from cryoasync.control.rate.hour_table import HourSlot, HourTable
from cryoasync.database.learned import LearnedStates
from cryoasync.errors import DatabaseUnavailableError

HOURS = "rate by hour"
HALF_HOURS = "chunk costs by half-hour"
SAVE_SECONDS = 60.0

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class _HalfHours(msgspec.Struct):
    """A half-hour table as it is kept."""

    costs: Mapping[HalfHour, Costs] = {}
    latest: Costs = {}


class Learning:
    """What is known of one host: its limits by the hour, and the costs of its requests by the half-hour."""

    def __init__(self, states: LearnedStates, host: str, hours: HourTable, half_hours: HalfHourTable) -> None:
        """Go on from ``hours``, which a limiter adds to, and ``half_hours``, which a sizer begins with."""
        self._states = states
        self._host = host
        self.hours = hours
        self.half_hours = half_hours

    @classmethod
    async def load(cls, states: LearnedStates, host: str) -> "Learning":
        """Return what is known of ``host``; what has another form counts as nothing.

        Raises:
            DatabaseError: the database cannot be asked.
        """
        no_hours: Mapping[HourSlot, Sequence[float]] = {}
        hours = await _loaded(states, host, HOURS, Mapping[HourSlot, Sequence[float]], no_hours)
        half_hours = await _loaded(states, host, HALF_HOURS, _HalfHours, _HalfHours())
        return cls(states, host, HourTable(hours), HalfHourTable(half_hours.costs, half_hours.latest))

    async def keep(self, sizer: AdaptiveChunkSizer) -> None:
        """Save each minute, until cancelled; errors are those of :meth:`save`."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self.save(sizer)

    async def save(self, sizer: AdaptiveChunkSizer) -> None:
        """Save what was learned now, ``sizer``'s costs included; what an outage prevents is saved later.

        Raises:
            DatabaseError: the database refuses for a reason that waiting does not mend.
        """
        learned = sizer.learned()
        half_hours = _HalfHours(costs=learned.costs, latest=learned.latest)
        try:
            await self._states.save(self._host, HOURS, _json(self.hours.counts))
            await self._states.save(self._host, HALF_HOURS, _json(half_hours))
        except DatabaseUnavailableError as error:
            _log.warning("what was learned of the source not kept", reason=error.message)


async def _loaded(states: LearnedStates, host: str, subject: str, form: Any, nothing: T) -> T:
    state = await states.load(host, subject)
    if state is None:
        return nothing
    try:
        loaded: T = msgspec.convert(state, form, strict=False)
    except msgspec.ValidationError as error:
        _log.warning("what was learned of the source cannot be read", subject=subject, reason=str(error))
        return nothing
    return loaded


def _json(learned: Any) -> Any:
    """Return ``learned`` as values of JSON, whose keys are strings."""
    return msgspec.to_builtins(learned, str_keys=True)
