"""Batches of rows inside one transaction: staged by a binary COPY, or as arrays, and merged by set-based statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from zlib import crc32

import asyncpg

from cryoasync.database.bulk.row_bytes import estimated_bytes
from cryoasync.database.bulk.row_check import find_altered_values, find_problems
from cryoasync.database.bulk.table_types import TableTypes
from cryoasync.database.connection import Connection
from cryoasync.database.identifiers import listed, qualified
from cryoasync.models import StagedTable

ROWS_TO_COPY = 1000
"""From so many rows on a COPY is as fast as arrays, or faster; these take fewer round trips."""

# SQLSTATE classes in which one row is to blame: two rows for one key that the server takes for the same, data,
# integrity, program limits (a row too large for an index), and what a trigger raises.
_ROW_ERROR_CLASSES = ("21000", "22", "23", "54", "P0")
# What asyncpg's encoder raises in the middle of a COPY.
_ENCODER_ERRORS = (TypeError, ValueError, OverflowError, AttributeError, RecursionError)
# Arrays of these hold the same values as columns of them; a list in an array, say of jsonb, would be a dimension.
_TYPES_IN_ARRAYS = frozenset(
    {
        *("smallint", "integer", "bigint", "real", "double precision", "numeric", "boolean"),
        *("text", "character varying", "uuid", "bytea"),
        *("date", "timestamp with time zone", "timestamp without time zone"),
    }
)

Values = Sequence[Any]


class RowRefusedError(Exception):
    """Some row of a batch was refused by the client's encoder or by the server; the transaction is lost."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be written, by its place in the batch, and what was said of it."""

    index: int
    message: str


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows were merged, how many rows of the table that changed, and which were not merged."""

    rows: int
    changed: int
    refused: tuple[Refused, ...] = ()


class BatchTransaction:
    """An open transaction that rows can be merged in.

    It is quick where every row is fine. Where one is not, :class:`RowRefusedError` asks for a careful transaction,
    in which a bad row costs itself alone.
    """

    def __init__(
        self, connection: Connection, types: TableTypes, *, keeps_session: bool, is_careful: bool
    ) -> None:
        """Use a connection; ``keeps_session`` says that its next transaction meets the same session."""
        self.connection = connection
        self._types = types
        self._keeps_session = keeps_session
        self._is_careful = is_careful
        self._staged: set[str] = set()
        self.rows = 0
        self.bytes = 0
        self.refused = 0

    async def merge(self, table: StagedTable, rows: Sequence[Values]) -> Merged:
        """Merge rows; of those with equal keys the last counts.

        Raises:
            RowRefusedError: a row was refused; never in a careful transaction.
            asyncpg.PostgresError: an error that no row is to blame for; the transaction is lost.
        """
        if not rows:
            return Merged(0, 0)
        types = await self._types.of(self.connection, table.schema, table.name, table.columns)
        places = _last_of_each_key(table, rows)
        problems = (find_problems if self._is_careful else find_altered_values)(types, rows)
        if problems or len(places) < len(rows):
            places = [place for place in places if place not in problems]
        writer = _Writer(self, table, types, rows)
        refused = [Refused(*problem) for problem in problems.items()]
        if self._is_careful:
            refused += await writer.write_or_halve(places)
        elif places:
            await writer.write(places)
        self.rows += len(places) + len(problems) - len(refused)
        self.bytes += estimated_bytes(rows)
        self.refused += len(refused)
        return Merged(len(places) + len(problems) - len(refused), writer.changed, tuple(refused))

    async def stage(self, table: StagedTable, rows: Sequence[Values], types: Sequence[str]) -> str:
        """Copy rows into a staging table and return its name; what it held before is gone."""
        columns = listed(table.columns)
        place = qualified(table.schema, table.name)
        # The name changes with the columns and their types, for a session may outlive both.
        name = f"staging_{crc32(repr((place, columns, *types)).encode()):08x}"
        source = f"AS SELECT {columns} FROM {place} WITH NO DATA"  # noqa: S608 - quoted
        if self._keeps_session:
            emptied = f"; TRUNCATE pg_temp.{name}" if name in self._staged else ""
            create = f"CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS {source}{emptied}"
        else:
            dropped = f"DROP TABLE IF EXISTS pg_temp.{name}; " if name in self._staged else ""
            create = f"{dropped}CREATE TEMP TABLE {name} ON COMMIT DROP {source}"
        await self.connection.execute(create)
        self._staged.add(name)
        await self.connection.copy_records_to_table(
            name, schema_name="pg_temp", records=rows, columns=table.columns
        )
        return name


class _Writer:
    """Writes rows of one batch into one table."""

    def __init__(
        self, transaction: BatchTransaction, table: StagedTable, types: Sequence[str], rows: Sequence[Values]
    ) -> None:
        self._transaction = transaction
        self._table = table
        self._types = types
        self._rows = rows
        self.changed = 0

    async def write(self, places: Sequence[int]) -> None:
        """Write the rows at some places, or raise RowRefusedError."""
        try:
            self.changed += await self._stage_and_merge(places)
        except (*_ENCODER_ERRORS, asyncpg.PostgresError) as error:
            if not _is_row_error(error):
                raise
            raise RowRefusedError(_message(error)) from error

    async def write_or_halve(self, places: Sequence[int], *, holds_a_bad_one: bool = False) -> list[Refused]:
        """Write the rows; where that fails through a row, write each half, until the culprits stand alone."""
        if not places:
            return []
        if len(places) == 1 or not holds_a_bad_one:
            try:
                async with self._transaction.connection.transaction():
                    await self.write(places)
            except RowRefusedError as error:
                if len(places) == 1:
                    return [Refused(places[0], f"{error}")]
            else:
                return []
        middle = len(places) // 2
        first = await self.write_or_halve(places[:middle])
        # Where the first half went well, the second one need not be tried to know that it will fail.
        return [*first, *await self.write_or_halve(places[middle:], holds_a_bad_one=not first)]

    async def _stage_and_merge(self, places: Sequence[int]) -> int:
        """Return how many rows of the table the last statement changed."""
        rows = self._rows if len(places) == len(self._rows) else [self._rows[place] for place in places]
        connection, merge = self._transaction.connection, self._table.merge
        if len(rows) >= ROWS_TO_COPY or not _TYPES_IN_ARRAYS.issuperset(self._types):
            name = await self._transaction.stage(self._table, rows, self._types)
            source = f"pg_temp.{name} AS staging"
            return _rows_in(await connection.execute(_from(source, "; ".join(merge))))
        arrays = ", ".join(f"${number}::{name}[]" for number, name in enumerate(self._types, 1))
        source = f"unnest({arrays}) AS staging ({listed(self._table.columns)})"
        columns = list(map(list, zip(*rows, strict=True)))
        status = ""
        for statement in merge:
            status = await connection.execute(_from(source, statement), *columns)
        return _rows_in(status)


def _from(source: str, statement: str) -> str:
    return statement.replace("{staging}", source)


def _rows_in(status: str) -> int:
    """Return the number at the end of what a statement answered."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdecimal() else 0


def _last_of_each_key(table: StagedTable, rows: Sequence[Values]) -> Sequence[int]:
    """Return the places of the rows to keep; keys that only the server takes for equal are parted by halving."""
    if not table.key:
        return range(len(rows))
    key = itemgetter(*(table.columns.index(column) for column in table.key))
    try:
        last = dict(zip(map(key, rows), range(len(rows)), strict=True))
    except TypeError:  # an array as a key
        return range(len(rows))
    return range(len(rows)) if len(last) == len(rows) else sorted(last.values())


def _is_row_error(error: Exception) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_ROW_ERROR_CLASSES)
    return True


def _message(error: Exception) -> str:
    detail = getattr(error, "detail", None)
    return f"{error} ({detail})" if detail else f"{error}"
