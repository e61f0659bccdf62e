"""Ways to put rows into a table of PostgreSQL: this package's, the bare ones, and those of the usual libraries."""

import asyncio
import csv
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pandas as pd
import psycopg
import sqlalchemy

from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator, BatchLimits, OnConflict
from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.embedded.programs import find_programs

Record = tuple[Any, ...]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Write = Callable[[Sequence[Record]], Awaitable[float]]
"""Writes rows and returns the seconds that it took."""
Way = Callable[[str], AbstractAsyncContextManager[Write]]
"""Opens what writes into the database of a DSN."""

BY_ID = OnConflict(key=("id",))

BATCH_ROWS = 5000
"""Rows of a transaction of those ways that do not find out by themselves."""

COLUMNS: Mapping[str, str] = {
    "id": "bigint PRIMARY KEY",
    **{f"text_{number}": "text" for number in range(5)},
    **{f"count_{number}": "integer" for number in range(5)},
    **{f"value_{number}": "double precision" for number in range(4)},
    "seen_at": "timestamptz",
}
NAMES = tuple(COLUMNS)
_LIST = ", ".join(NAMES)
_PLACES = ", ".join(f"${number}" for number in range(1, len(NAMES) + 1))
_INSERT = f"INSERT INTO measured ({_LIST}) VALUES ({_PLACES})"
_DISTINCT_ROWS = 10_000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)

CREATE_TABLE = f"CREATE TABLE measured ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"

MERGE = f"""
INSERT INTO measured AS stored ({_LIST}) SELECT {_LIST} FROM pg_temp.staging ORDER BY id
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in NAMES[1:])}
WHERE ROW({", ".join(f"stored.{name}" for name in NAMES[1:])})
    IS DISTINCT FROM ROW({", ".join(f"excluded.{name}" for name in NAMES[1:])})
"""


class Rows:
    """Rows of the table; those of another version differ in each row."""

    def __init__(self, version: int = 0) -> None:
        """Draw the values, of which there are some thousands."""
        rng = random.Random(version)
        self._values = [
            (
                *(f"{version} text of some length {rng.random():.12f}" for _ in range(5)),
                *(rng.randrange(1000) for _ in range(5)),
                *(rng.random() for _ in range(4)),
                _NOW,
            )
            for _ in range(_DISTINCT_ROWS)
        ]

    def slice(self, start: int, count: int) -> list[Record]:
        """Return so many rows from a number on."""
        return [(number, *self._values[number % _DISTINCT_ROWS]) for number in range(start, start + count)]


@asynccontextmanager
async def psql_copy(dsn: str) -> AsyncIterator[Write]:
    """A file by the command of psql."""

    async def write(rows: Sequence[Record]) -> float:
        with tempfile.TemporaryDirectory(prefix="cryoasync-") as folder:
            path = Path(folder) / "rows.csv"
            with path.open("w") as file:
                csv.writer(file).writerows(rows)
            command = [find_programs() / "psql", "-q", "-c", f"\\copy measured from '{path}' csv", dsn]
            began_at = time.perf_counter()
            process = await asyncio.create_subprocess_exec(*map(str, command))
            if await process.wait():
                raise SystemExit("psql failed")
            return time.perf_counter() - began_at

    yield write


def with_connection(way: Callable[[Connection, Sequence[Record]], Awaitable[object]]) -> Way:
    """Return the way that writes over one connection of asyncpg."""

    @asynccontextmanager
    async def opened(dsn: str) -> AsyncIterator[Write]:
        connection = await asyncpg.connect(dsn)
        try:
            yield lambda rows: seconds_of(way(connection, rows))
        finally:
            await connection.close()

    return opened


def blocking(way: Callable[[str, Sequence[Record]], None]) -> Way:
    """Return the way that writes in a thread."""

    @asynccontextmanager
    async def opened(dsn: str) -> AsyncIterator[Write]:
        yield lambda rows: seconds_of(asyncio.to_thread(way, dsn, rows))

    return opened


async def seconds_of(work: Awaitable[object]) -> float:
    """Return how long it takes."""
    began_at = time.perf_counter()
    await work
    return time.perf_counter() - began_at


async def asyncpg_copy(connection: Connection, rows: Sequence[Record]) -> None:
    """One COPY."""
    await connection.copy_records_to_table("measured", records=rows, columns=NAMES)


async def merge_by_hand(connection: Connection, rows: Sequence[Record]) -> None:
    """The floor: a staging table, COPY, and one merge, in each transaction."""
    for batch in batches(rows):
        async with connection.transaction():
            await connection.execute(
                f"CREATE TEMP TABLE staging ON COMMIT DROP AS SELECT {_LIST} FROM measured WITH NO DATA"
            )
            await connection.copy_records_to_table(
                "staging", schema_name="pg_temp", records=batch, columns=NAMES
            )
            await connection.execute(MERGE)


async def executemany(connection: Connection, rows: Sequence[Record]) -> None:
    """Batches of prepared inserts."""
    for batch in batches(rows):
        await connection.executemany(_INSERT, batch)


async def one_by_one(connection: Connection, rows: Sequence[Record]) -> None:
    """A transaction a row."""
    for row in rows:
        await connection.execute(_INSERT, *row)


@asynccontextmanager
async def operator_upsert(dsn: str) -> AsyncIterator[Write]:
    """This package's operator, as it comes."""
    async with opened_operator(dsn) as operator:
        yield lambda rows: seconds_of(operator.bulk_insert("measured", NAMES, rows, on_conflict=BY_ID))


@asynccontextmanager
async def opened_operator(
    dsn: str, limits: BatchLimits | None = None
) -> AsyncIterator[BatchDatabaseOperator]:
    """Open an operator on a database."""
    async with open_database(DatabaseSettings(dsn=dsn)) as database:
        yield BatchDatabaseOperator(database, limits)


def psycopg_copy(dsn: str, rows: Sequence[Record]) -> None:
    """One binary COPY, row by row."""
    kinds = [kind.split()[0].replace("double", "float8") for kind in COLUMNS.values()]
    statement = f"COPY measured ({_LIST}) FROM STDIN (FORMAT BINARY)"
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(kinds)
        for row in rows:
            copy.write_row(row)


def sqlalchemy_insert(dsn: str, rows: Sequence[Record]) -> None:
    """Core's insert of many rows at a time."""
    engine = _engine(dsn)
    table = sqlalchemy.Table("measured", sqlalchemy.MetaData(), autoload_with=engine)
    for batch in batches(rows):
        with engine.begin() as connection:
            connection.execute(
                sqlalchemy.insert(table), [dict(zip(NAMES, row, strict=True)) for row in batch]
            )
    engine.dispose()


def pandas_to_sql(dsn: str, rows: Sequence[Record]) -> None:
    """Frames of a batch each."""
    engine = _engine(dsn)
    for batch in batches(rows):
        frame = pd.DataFrame.from_records(batch, columns=NAMES)
        frame.to_sql("measured", engine, if_exists="append", index=False)
    engine.dispose()


def batches(rows: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield the rows in lists."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def _engine(dsn: str) -> sqlalchemy.Engine:
    parts = urlsplit(dsn)
    url = sqlalchemy.URL.create(
        "postgresql+psycopg",
        username=parts.username,
        password=parts.password,
        host=parts.hostname,
        port=parts.port,
        database=parts.path.lstrip("/"),
        query={name: values[-1] for name, values in parse_qs(parts.query).items()},
    )
    return sqlalchemy.create_engine(url)
