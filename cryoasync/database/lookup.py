"""Reads what earlier imports left in the database."""

from collections.abc import Sequence
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.errors import DatabaseUnavailableError


class PostgresLookup:
    """Finds values by source id; what cannot be asked now is not found."""

    def __init__(self, database: Database) -> None:
        """Read from ``database``."""
        self._database = database

    async def pairs(self, query: str, source_ids: Sequence[str]) -> dict[str, Any]:
        """Return what ``query`` finds for ``source_ids``, its parameter ``$1``: pairs of source id and value."""
        try:
            async with self._database.transaction() as connection:
                return dict(map(tuple, await connection.fetch(query, list(source_ids))))
        except DatabaseUnavailableError:
            return {}
