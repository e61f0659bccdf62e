"""Rows into their table: binary COPY into a staging table, then set-based merge statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import asyncpg

from cryoasync.database.connection import Connection
from cryoasync.database.row_check import find_problems
from cryoasync.models import Row, StagedTable

# SQLSTATE classes in which one row is to blame: data, integrity, program limits (a row too large for an
# index), and what a trigger raises.
_ROW_ERROR_CLASSES = ("22", "23", "54", "P0")
# What asyncpg's encoder raises in the middle of a COPY.
_ENCODER_ERRORS = (TypeError, ValueError, OverflowError, AttributeError)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that the client's encoder or the server refuses, and what was said."""

    row: Row
    message: str


@dataclass(frozen=True, slots=True)
class MergeReport:
    """How many rows were merged, and which were not."""

    rows: int
    refused: tuple[Refused, ...]


class BatchDatabaseOperator:
    """Merges batches of rows; a bad row costs itself alone."""

    def __init__(self) -> None:
        """Know no table yet: column types are read from the catalogue when a table is first met."""
        self._column_types: dict[str, tuple[str, ...]] = {}

    async def merge(self, connection: Connection, rows: Sequence[Row]) -> MergeReport:
        """Merge rows of one table inside the transaction that is open.

        Of rows with equal keys the last counts. The best batches have 1,000 to 5,000 rows.

        Raises:
            asyncpg.PostgresError: an error that no single row is to blame for; the transaction is lost.
        """
        if not rows:
            return MergeReport(0, ())
        table = rows[0].table
        column_types = await self._types_of(connection, table)
        distinct = _last_of_each_key(table, rows)
        problems = find_problems(column_types, [row.values for row in distinct])
        refused = [Refused(distinct[index], problem) for index, problem in problems.items()]
        good = [row for index, row in enumerate(distinct) if index not in problems] if problems else distinct
        refused += await _merge_or_halve(connection, table, good)
        return MergeReport(len(distinct) - len(refused), tuple(refused))

    async def _types_of(self, connection: Connection, table: StagedTable) -> tuple[str, ...]:
        if table.name not in self._column_types:
            records = await connection.fetch(
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass",
                f"cryoasync.{table.name}",
            )
            types = dict(map(tuple, records))
            self._column_types[table.name] = tuple(types.get(column, "") for column in table.columns)
        return self._column_types[table.name]


def _last_of_each_key(table: StagedTable, rows: Sequence[Row]) -> list[Row]:
    """Keep the last row of each key; an upsert cannot touch a row twice."""
    key = itemgetter(*(table.columns.index(column) for column in table.key))
    return list({key(row.values): row for row in rows}.values())


async def _merge_or_halve(connection: Connection, table: StagedTable, rows: Sequence[Row]) -> list[Refused]:
    """Merge the rows; where that fails through a row, merge each half, until the culprits stand alone."""
    if not rows:
        return []
    try:
        async with connection.transaction():
            await _stage_and_merge(connection, table, [row.values for row in rows])
    except (*_ENCODER_ERRORS, asyncpg.PostgresError) as error:
        if not _is_row_error(error):
            raise
        if len(rows) == 1:
            return [Refused(rows[0], _message(error))]
    else:
        return []
    middle = len(rows) // 2
    return [
        *await _merge_or_halve(connection, table, rows[:middle]),
        *await _merge_or_halve(connection, table, rows[middle:]),
    ]


async def _stage_and_merge(
    connection: Connection, table: StagedTable, records: Sequence[Sequence[Any]]
) -> None:
    staging = f"staging_{table.name}"
    columns = ", ".join(table.columns)
    # Dropped at the commit, for behind a transaction pooler the next transaction is elsewhere; and dropped
    # here, for the other half of a halved batch comes in the same transaction.
    await connection.execute(
        f"CREATE TEMP TABLE {staging} ON COMMIT DROP AS"  # noqa: S608 - names of our own tables
        f" SELECT {columns} FROM cryoasync.{table.name} WITH NO DATA"
    )
    await connection.copy_records_to_table(
        staging, schema_name="pg_temp", records=records, columns=table.columns
    )
    statements = "; ".join(table.merge).replace("{staging}", f"pg_temp.{staging}")
    await connection.execute(f"{statements}; DROP TABLE pg_temp.{staging}")


def _is_row_error(error: Exception) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_ROW_ERROR_CLASSES)
    return True


def _message(error: Exception) -> str:
    detail = getattr(error, "detail", None)
    return f"{error} ({detail})" if detail else f"{error}"
