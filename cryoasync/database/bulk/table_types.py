"""The types of a table's columns, as the catalogue says."""

from cryoasync.database.connection import Connection
from cryoasync.database.identifiers import qualified

_TYPES = """
SELECT attname, format_type(atttypid, NULL)
FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
"""


class TableTypes:
    """Reads the types of each table once."""

    def __init__(self) -> None:
        """Know no table yet."""
        self._known: dict[tuple[str, str, tuple[str, ...]], tuple[str, ...]] = {}

    async def of(
        self, connection: Connection, schema: str, name: str, columns: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return the types of some columns of a table, in their order.

        A column that is not there has none: the statement that names it will say so.

        Raises:
            asyncpg.UndefinedTableError: there is no such table.
        """
        place = (schema, name, columns)
        if place not in self._known:
            records = await connection.fetch(_TYPES, qualified(schema, name))
            types: dict[str, str] = dict(map(tuple, records))
            self._known[place] = tuple(types.get(column, "") for column in columns)
        return self._known[place]

    def forget(self) -> None:
        """Read the catalogue anew: a table is not as it was."""
        self._known.clear()
