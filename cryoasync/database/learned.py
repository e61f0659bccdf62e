"""What runs have learned of each host, kept for those to come."""

from typing import Any

from cryoasync.database.connection import Database

_LOAD = "SELECT state FROM cryoasync.learned WHERE host = $1 AND subject = $2"
_SAVE = """
INSERT INTO cryoasync.learned (host, subject, state, updated_at) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (host, subject) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
"""


class LearnedStates:
    """JSON documents by host and subject."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database

    async def load(self, host: str, subject: str) -> Any | None:
        """Return what was kept, or ``None``.

        Raises:
            DatabaseError: the database cannot be asked.
        """
        async with self._database.transaction() as connection:
            return await connection.fetchval(_LOAD, host, subject)

    async def save(self, host: str, subject: str, state: Any) -> None:
        """Keep ``state`` in the place of what was there.

        Raises:
            DatabaseError: nothing is known to be kept.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_SAVE, host, subject, state)
