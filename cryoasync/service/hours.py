"""The hours of a source's day, as earlier runs knew them."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from cryoasync.control.hour_table import HourSlot, HourTable
from cryoasync.database.learned import LearnedStates
from cryoasync.errors import DatabaseUnavailableError

SUBJECT = "rate by hour"
SAVE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


async def known_hours(states: LearnedStates, host: str) -> HourTable:
    """Return what is known of ``host``; a state of another form counts as none.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    state = await states.load(host, SUBJECT)
    if state is None:
        return HourTable()
    try:
        return HourTable(msgspec.convert(state, Mapping[HourSlot, Sequence[float]], strict=False))
    except msgspec.ValidationError as error:
        _log.warning("what was learned of the source's hours cannot be read", reason=str(error))
        return HourTable()


async def keep_hours(states: LearnedStates, host: str, hours: HourTable) -> None:
    """Keep ``hours`` each minute, until cancelled; what an outage of the database prevents is kept later.

    Raises:
        DatabaseError: the database refuses for a reason that waiting does not mend.
    """
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await save_hours(states, host, hours)


async def save_hours(states: LearnedStates, host: str, hours: HourTable) -> None:
    """Keep ``hours`` now, if the database is there.

    Raises:
        DatabaseError: the database refuses for a reason that waiting does not mend.
    """
    try:
        await states.save(host, SUBJECT, {str(slot): counts for slot, counts in hours.counts.items()})
    except DatabaseUnavailableError as error:
        _log.warning("what was learned of the source's hours not kept", reason=error.message)
