"""Rows streamed out of a real server: exact, in small pieces, and stopped by whoever takes them."""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.stream import (
    ROWS_AT_A_TIME,
    Selection,
    Write,
    selection_of,
    stream_csv,
    stream_json_lines,
    streamed_records,
)
from tests.conftest import TEMPLATE, run_statement, temporary_database

Stream = Callable[[Database, Selection, Write], Coroutine[Any, Any, int]]

# PostgreSQL keeps every character but NUL, and no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.lists(st.none() | TEXTS, max_size=4),
        st.none()
        | st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-1e9, max_value=1e9),
    ),
    max_size=5,
)
MANY = 120_000
MANY_ROWS = f"SELECT g AS number, repeat('x', 50) AS name FROM generate_series(1, {MANY}) AS g"


async def selected(database: Database, rows: list[tuple[Any, ...]]) -> Selection:
    """The selection of rows that are the argument of their query."""
    return await selection_of(
        database,
        """
        SELECT r ->> 0 AS name,
               CASE WHEN jsonb_typeof(r -> 1) = 'array'
                   THEN ARRAY(SELECT jsonb_array_elements_text(r -> 1)) END AS list,
               (r ->> 2)::numeric AS "odd "" name"
        FROM jsonb_array_elements($1) WITH ORDINALITY AS elements (r, n)
        ORDER BY n
        """,
        [(name, list_, None if number is None else f"{number:f}") for name, list_, number in rows],
    )


async def written(stream: Stream, database: Database, selection: Selection) -> tuple[str, int]:
    """What a stream writes, and the number of rows that it tells of."""
    parts: list[bytes] = []
    count = await stream(database, selection, parts.append)
    return b"".join(parts).decode(), count


async def compare(database: Database, rows: list[tuple[Any, ...]]) -> None:
    """Stream rows in both forms, and read them back."""
    selection = await selected(database, rows)
    text, count = await written(stream_json_lines, database, selection)
    lines = [list(json.loads(line).values()) for line in text.split("\n")[:-1]]
    exact = [(name, list_, None if number is None else f"{number:f}") for name, list_, number in rows]
    assert [tuple(line) for line in lines] == exact
    text, in_csv = await written(stream_csv, database, selection)
    header, *records = csv.reader(io.StringIO(text, newline=""))
    assert header == ["name", "list", 'odd " name']
    # Python's reader cannot tell NULL from an empty text.
    assert [(name, json.loads(list_) if list_ else None, number) for name, list_, number in records] == [
        (name or "", list_, number or "") for name, list_, number in exact
    ]
    assert count == in_csv == len(rows)


def test_any_text_list_and_decimal_comes_back_as_it_is(postgres: EmbeddedServer) -> None:
    """Quotes, line ends, control characters, NULLs and trailing zeros, as CSV and as JSON lines."""
    with asyncio.Runner() as runner:

        @settings(max_examples=60)
        @given(rows=ROWS)
        def come_back(rows: list[tuple[Any, ...]]) -> None:
            runner.run(compare(database, rows))

        async def prepare() -> Database:
            dsn = await stack.enter_async_context(temporary_database(postgres, TEMPLATE))
            return await stack.enter_async_context(open_database(DatabaseSettings(dsn=dsn)))

        stack = AsyncExitStack()
        database = runner.run(prepare())
        try:
            come_back()
        finally:
            runner.run(stack.aclose())


@pytest.mark.parametrize("stream", [stream_csv, stream_json_lines])
async def test_many_rows_come_in_small_pieces(database: Database, stream: Stream) -> None:
    """No piece grows with the number of rows, so that memory stays flat."""
    pieces: list[int] = []
    count = await stream(
        database, await selection_of(database, MANY_ROWS), lambda data: pieces.append(len(data))
    )
    assert count == MANY
    assert sum(pieces) > 6_000_000
    assert max(pieces) < 1_000_000


async def test_records_come_page_by_page(database: Database) -> None:
    """Each page is bounded, and together they are all."""
    selection = await selection_of(database, MANY_ROWS)
    async with streamed_records(database, selection, kept_types={"int4"}) as pages:
        sizes = [len(page) async for page in pages]
    assert sum(sizes) == MANY
    assert max(sizes) == ROWS_AT_A_TIME


@pytest.mark.parametrize("stream", [stream_csv, stream_json_lines])
@pytest.mark.parametrize(
    ("query", "bytes_taken"), [(MANY_ROWS, 0), (MANY_ROWS, 1_000_000), ("SELECT 1 AS one", 0)]
)
async def test_an_error_of_whoever_takes_the_rows_ends_the_stream(
    database: Database, stream: Stream, query: str, bytes_taken: int
) -> None:
    """It comes out as it is, at the beginning, in the middle and at the end; the database is there for the next."""
    taken = 0

    def take(data: bytes) -> None:
        nonlocal taken
        taken += len(data)
        if taken > bytes_taken:
            raise KeyError(bytes_taken)

    selection = await selection_of(database, query)
    for _ in range(3):
        taken = 0
        with pytest.raises(KeyError, match=str(bytes_taken)):
            await stream(database, selection, take)
    _, count = await written(stream, database, await selection_of(database, "SELECT 1 AS one"))
    assert count == 1


@pytest.mark.parametrize("query", ["SELECT pg_sleep(60)", "SELECT generate_series(1, 1000000000)"])
async def test_a_stream_can_be_cancelled(database: Database, query: str) -> None:
    """While the server is still at its first row, as while rows come."""
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND datname = current_database()"
    )
    selection = await selection_of(database, query)
    task = asyncio.create_task(stream_csv(database, selection, lambda _: None))
    async with database.session() as connection:
        while not await connection.fetchval(running):
            await connection.execute("SELECT pg_sleep(0.01)")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, count = await written(stream_csv, database, await selection_of(database, "SELECT 1 AS one"))
    assert count == 1


async def test_values_do_not_depend_on_how_a_database_was_set_up(empty_dsn: str) -> None:
    """Dates are ISO and in UTC, numbers complete, and a time limit for statements does not count."""
    name = empty_dsn.rpartition("/")[2].partition("?")[0]
    for setting in ("datestyle = 'German'", "extra_float_digits = -10", "statement_timeout = '1s'"):
        await run_statement(empty_dsn, f"ALTER DATABASE {name} SET {setting}")
    query = "SELECT '2026-05-04 12:00+02'::timestamptz AS moment, 0.1::float8 + 0.2 AS number, pg_sleep(1.2)"
    async with open_database(DatabaseSettings(dsn=empty_dsn)) as database:
        selection = await selection_of(database, query)
        text, _ = await written(stream_csv, database, selection)
        line, _ = await written(stream_json_lines, database, selection)
        async with streamed_records(database, selection, kept_types={"timestamptz"}) as pages:
            [[record]] = [page async for page in pages]
    assert text.splitlines()[1].startswith("2026-05-04 10:00:00+00,0.30000000000000004,")
    assert line.startswith('{"moment":"2026-05-04T10:00:00+00:00","number":0.30000000000000004,')
    assert (record["moment"], record["number"]) == (
        datetime(2026, 5, 4, 10, tzinfo=UTC),
        "0.30000000000000004",
    )


async def test_a_column_may_have_any_name(database: Database) -> None:
    """Also one that SQL or the stream itself uses."""
    query = 'SELECT 1.50 AS line, ARRAY[1] AS selected, 2 AS "select", \'{"a": 1.0}\'::jsonb AS "a b"'
    text, _ = await written(stream_json_lines, database, await selection_of(database, query))
    assert json.loads(text) == {"line": "1.50", "selected": [1], "select": 2, "a b": {"a": Decimal("1.0")}}
