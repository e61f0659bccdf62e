"""Streams the rows of a query out of the database, in flat memory whatever their number."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from cryoasync.database.connection import Connection, Database
from cryoasync.database.reading import reading

ROWS_AT_A_TIME = 5_000

Write = Callable[[bytes], object]
"""Takes the next bytes. It must not raise an OSError, which would be taken for one of the database."""

# COPY is one statement, and sorting may precede a cursor's first row, however long that takes.
_LONGEST_STATEMENT_SECONDS = 7 * 86_400.0
# A role or database may have been given other values. Right after an import the planner knows no sizes yet,
# and a nested loop that suits a hundred entries takes days for a million.
_BEGIN = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL timezone = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL enable_nestloop = off
"""
_SPREADSHEET = {"format": "csv", "header": True}
# Characters that JSON text never holds as they are, so that nothing is quoted and a row is a line.
_PLAIN_LINES = {"format": "csv", "delimiter": "\x01", "quote": "\x02"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its name, and its type by PostgreSQL's internal name (``int8``, ``text[]``)."""

    name: str
    type: str

    @property
    def quoted(self) -> str:
        """The name as SQL takes it."""
        return '"' + self.name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A query that gives ``columns`` in their order, its arguments, and what must be passed on with its rows."""

    columns: tuple[Column, ...]
    query: str
    arguments: tuple[Any, ...] = ()
    note: str | None = None


async def selection_of(database: Database, query: str, *arguments: Any) -> Selection:
    """Return the selection of a query, whose columns the database tells.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    async with reading(database) as connection:
        attributes = (await connection.prepare(query)).get_attributes()
    columns = tuple(Column(name=attribute.name, type=attribute.type.name) for attribute in attributes)
    return Selection(columns=columns, query=query, arguments=arguments)


async def stream_csv(database: Database, selection: Selection, write: Write) -> int:
    """Write CSV with a header, as COPY does; return the number of rows.

    NULL is nothing, an empty text is ``""``. Numbers are as PostgreSQL keeps them, trailing zeros included;
    arrays and documents are JSON.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    columns = ", ".join(_as(column, "to_json({})", wanted=_is_array(column)) for column in selection.columns)
    return await _copy(database, _rewritten(selection, columns), _SPREADSHEET, write)


async def stream_json_lines(database: Database, selection: Selection, write: Write) -> int:
    """Write one JSON object a line, and return the number of rows.

    Decimals and ranges are text: a reader would round the first, and JSON has no form for the others.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    columns = ", ".join(_as(column, "{}::text", wanted=_is_inexact(column)) for column in selection.columns)
    inner = _rewritten(selection, columns)
    # With the star, because a column of the alias's name would be taken for it.
    objects = f"SELECT row_to_json(line.*) FROM ({inner.query}) AS line"  # noqa: S608 - made of looked-up names
    lines = Selection(columns=(), query=objects, arguments=selection.arguments)
    return await _copy(database, lines, _PLAIN_LINES, write)


@asynccontextmanager
async def streamed_records(
    database: Database, selection: Selection, *, kept_types: Collection[str]
) -> AsyncIterator[AsyncIterator[Sequence[asyncpg.Record]]]:
    """Yield the pages of a selection, some thousand records each; what is not of ``kept_types`` is text.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    columns = ", ".join(
        _as(column, "{}::text", wanted=column.type not in kept_types) for column in selection.columns
    )
    rewritten = _rewritten(selection, columns)
    async with (
        _long_reading(database) as connection,
        aclosing(_pages(connection, rewritten)) as pages,
    ):
        yield pages


async def _pages(
    connection: Connection, selection: Selection
) -> AsyncGenerator[Sequence[asyncpg.Record], None]:
    timeout = _LONGEST_STATEMENT_SECONDS
    cursor = await connection.cursor(selection.query, *selection.arguments, timeout=timeout)
    while records := await cursor.fetch(ROWS_AT_A_TIME, timeout=timeout):
        yield records


async def _copy(database: Database, selection: Selection, form: Mapping[str, Any], write: Write) -> int:
    async def take(data: bytes) -> None:
        write(data)

    async with _long_reading(database) as connection:
        status = await connection.copy_from_query(
            selection.query,
            *selection.arguments,
            output=take,
            timeout=_LONGEST_STATEMENT_SECONDS,
            **form,
        )
    return int(status.removeprefix("COPY "))


@asynccontextmanager
async def _long_reading(database: Database) -> AsyncIterator[Connection]:
    """Take a connection for one long statement, and end it with that where anything goes wrong.

    There is no rollback, because asyncpg waits a statement's time limit for the end of a COPY that was over
    already when its taker failed or was cancelled.
    """
    async with database.session() as connection:
        is_whole = False
        try:
            await connection.execute(_BEGIN)
            yield connection
            await connection.execute("COMMIT")
            is_whole = True
        finally:
            if not is_whole:
                connection.terminate()


def _rewritten(selection: Selection, columns: str) -> Selection:
    query = f"SELECT {columns} FROM ({selection.query}) AS selected"  # noqa: S608 - made of looked-up names
    return Selection(columns=selection.columns, query=query, arguments=selection.arguments)


def _as(column: Column, expression: str, *, wanted: bool) -> str:
    """Return a column of a select list, as an expression of it where that is wanted."""
    return f"{expression.format(column.quoted)} AS {column.quoted}" if wanted else column.quoted


def _is_array(column: Column) -> bool:
    return column.type.endswith("[]")


def _is_inexact(column: Column) -> bool:
    """Whether JSON has no exact form for the values of a column."""
    return column.type == "numeric" or column.type.endswith("range")
