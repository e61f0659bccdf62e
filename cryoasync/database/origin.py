"""Whether a database holds real or simulated compounds; the two never mix."""

from enum import StrEnum

from cryoasync.database.connection import Connection
from cryoasync.errors import OriginMismatchError


class Origin(StrEnum):
    """Where the compounds of a database come from."""

    REAL = "real"
    SIMULATED = "simulated"


_HINTS = {
    Origin.REAL: "Give --simulate another --dsn, or none: it then uses a database of its own.",
    Origin.SIMULATED: "Give another --dsn, or --simulate for a simulated run.",
}


async def assert_origin(connection: Connection, origin: Origin) -> None:
    """Record the origin of the first run; later runs must have the same.

    Raises:
        OriginMismatchError: the database holds compounds of the other origin.
    """
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO cryoasync.origin (kind) VALUES ($1) ON CONFLICT DO NOTHING", origin
        )
        held = Origin(await connection.fetchval("SELECT kind FROM cryoasync.origin"))
    if held is not origin:
        raise OriginMismatchError(
            f"This database holds {held} compounds; a run on {origin} ones may not write to it.",
            hint=_HINTS[held],
        )
