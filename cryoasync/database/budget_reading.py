"""Reads the rate budgets without taking part in them."""

from dataclasses import dataclass

from cryoasync.database.connection import Database
from cryoasync.database.reading import reading

_SELECT = """
SELECT host, log, extract(epoch FROM clock_timestamp())::float8 AS now
FROM cryoasync.rate_budgets
WHERE updated_at > clock_timestamp() - interval '1 hour'
ORDER BY host
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBudget:
    """The permit log of one host, and the database's clock, by which it counts, in seconds."""

    host: str
    log: bytes | None
    now: float


async def stored_budgets(database: Database) -> tuple[StoredBudget, ...]:
    """Return the permit log of every host that was asked in the last hour.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    async with reading(database) as connection:
        records = await connection.fetch(_SELECT)
    # A host gets its row before its first permit.
    return tuple(StoredBudget(host=host, log=log or None, now=now) for host, log, now in records)
