"""Bulk inserts and updates of any table, as a program that uses nothing else of the package does them."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator, BatchLimits, OnConflict
from cryoasync.database.bulk.batch_transaction import ROWS_TO_COPY
from cryoasync.database.connection import Database
from cryoasync.database.pooler import Pooler
from cryoasync.errors import DatabaseError
from tests.conftest import Fetch

Execute = Callable[..., Awaitable[None]]
FEW, MANY = 20, 2 * ROWS_TO_COPY
"""Rows that go as arrays, and rows that are copied."""


@pytest.fixture
async def execute(database: Database) -> Execute:
    """Execute statements in a transaction of their own."""

    async def run(statements: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(statements)

    return run


@pytest.fixture
async def operator(database: Database) -> BatchDatabaseOperator:
    """An operator as it comes."""
    return BatchDatabaseOperator(database)


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_every_type_comes_back_as_it_went(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """Scalars, arrays, JSON and NULL, whichever way the batch goes."""
    await execute(
        "CREATE SCHEMA lab; CREATE TABLE lab.kinds (id int, small smallint, big bigint, mass numeric, x float8,"
        " y real, ok boolean, name varchar(20), label char(3), at timestamptz, day date, key uuid, raw bytea)"
    )
    row = (
        *(-(2**15), 2**40, Decimal("180.160"), 0.1, 0.5, True, "ваниль", "abc"),
        *(datetime(2026, 1, 2, 3, tzinfo=UTC), date(2026, 1, 2), UUID(int=7), b"\x00\xff"),
    )
    columns = ["id", "small", "big", "mass", "x", "y", "ok", "name", "label", "at", "day", "key", "raw"]
    rows = [(number, *(row if number % 2 else [None] * 12)) for number in range(count)]
    report = await operator.bulk_insert("lab.kinds", columns, rows)
    assert (report.rows, report.changed, report.refused) == (count, count, ())
    assert await fetch(f"SELECT {', '.join(columns)} FROM lab.kinds ORDER BY id") == rows


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_lists_and_json_are_values_and_no_dimensions(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """A list in jsonb stays one value; arrays of different lengths stand beside each other."""
    await execute("CREATE TABLE lists (id int, texts text[], document jsonb, other json)")
    rows = [(number, ["a"] * (number % 4), [number, [None]], {"n": number}) for number in range(count)]
    await operator.bulk_insert("lists", ["id", "texts", "document", "other"], rows)
    assert await fetch("SELECT * FROM lists ORDER BY id") == rows


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_names_are_names_whatever_they_hold(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """Quotes, dots, capitals, and semicolons are parts of names."""
    await execute(
        'CREATE SCHEMA "Odd schema"; CREATE TABLE "Odd schema"."a.b""; DROP TABLE x" ('
        '"select" int PRIMARY KEY, "Mass (g)" float8)'
    )
    table, columns = ("Odd schema", 'a.b"; DROP TABLE x'), ["select", "Mass (g)"]
    rows = [(number, float(number)) for number in range(count)]
    await operator.bulk_insert(table, columns, rows, on_conflict=OnConflict(key=("select",)))
    await operator.bulk_update(table, columns, [(1, 7.5)], "select")
    assert await fetch(
        'SELECT "Mass (g)" FROM "Odd schema"."a.b""; DROP TABLE x" WHERE "select" < 3 ORDER BY 1'
    ) == [
        (0.0,),
        (2.0,),
        (7.5,),
    ]


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_an_upsert_rewrites_only_what_differs(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """The same batch again changes no row; of a changed one only the columns named."""
    await execute("CREATE TABLE t (id int PRIMARY KEY, name text, note json)")
    upsert = OnConflict(key=("id",), update=("name", "note"))
    rows = [(number, f"name {number}", {"n": number}) for number in range(count)]
    assert (
        await operator.bulk_insert("t", ["id", "name", "note"], rows, on_conflict=upsert)
    ).changed == count
    versions = await fetch("SELECT xmin::text, ctid::text FROM t ORDER BY id")
    again = await operator.bulk_insert("t", ["id", "name", "note"], rows, on_conflict=upsert)
    assert (again.rows, again.changed) == (count, 0)
    assert await fetch("SELECT xmin::text, ctid::text FROM t ORDER BY id") == versions
    rows[3] = (3, "new", {"n": 3})
    assert (await operator.bulk_insert("t", ["id", "name", "note"], rows, on_conflict=upsert)).changed == 1


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_an_update_touches_known_rows_alone(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """Rows that are not there are not made; those that would stay the same are not rewritten."""
    await execute(
        f"CREATE TABLE t (id int PRIMARY KEY, a text, b text);"
        f"INSERT INTO t SELECT n, 'a', 'b' FROM generate_series(1, {count}) AS n"
    )
    rows = [(number, "a" if number % 2 else "new") for number in range(2 * count)]
    report = await operator.bulk_update("t", ["id", "a"], rows, "id")
    assert report.changed == count // 2
    assert await fetch("SELECT count(*), count(*) FILTER (WHERE a = 'new' AND b = 'b') FROM t") == [
        (count, count // 2)
    ]


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_a_known_key_is_kept_replaced_or_refused(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """With an empty update the stored row stays, and without a word on conflicts the new one is refused."""
    await execute("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (5, 'old')")
    rows = [(number, "new") for number in range(count)]
    kept = await operator.bulk_insert(
        "t", ["id", "name"], rows, on_conflict=OnConflict(key=("id",), update=())
    )
    assert kept.changed == count - 1
    assert await fetch("SELECT name FROM t WHERE id = 5") == [("old",)]
    refused = await operator.bulk_insert("t", ["id", "name"], [(5, "again"), (count, "fresh")])
    assert [(each.index, "t_pkey" in each.message) for each in refused.refused] == [(0, True)]
    assert await fetch("SELECT count(*) FROM t") == [(count + 1,)]


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_keys_that_only_the_server_takes_for_equal_are_settled_by_the_last(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch, count: int
) -> None:
    """Texts that differ by blanks at their end, which char(n) does not count."""
    await execute("CREATE TABLE t (name char(8) PRIMARY KEY, value int)")
    rows = [(f"n{number}", number) for number in range(count)] + [("n3  ", -3), ("n3", -4), ("n7 ", -7)]
    await operator.bulk_insert("t", ["name", "value"], rows, on_conflict=OnConflict(key=("name",)))
    assert await fetch("SELECT count(*) FROM t") == [(count,)]
    assert await fetch("SELECT value FROM t WHERE name IN ('n3', 'n7') ORDER BY 1") == [(-7,), (-4,)]


async def test_an_asynchronous_iterable_is_taken_batch_by_batch(
    database: Database, execute: Execute, fetch: Fetch
) -> None:
    """No more rows than a batch are asked for before they are written; places count over all of them."""
    await execute("CREATE TABLE t (id int CHECK (id <> 250))")
    operator = BatchDatabaseOperator(database, BatchLimits(start_rows=100, fewest_rows=100, most_rows=100))
    ahead: list[int] = []

    async def rows() -> AsyncIterator[tuple[int]]:
        for number in range(420):
            if number % 100 == 0:
                [(stored,)] = await fetch("SELECT count(*) FROM t")
                assert isinstance(stored, int)
                ahead.append(number - stored)
            yield (number,)

    report = await operator.bulk_insert("t", ["id"], rows())
    assert (report.batches, report.rows, report.refused_rows) == (5, 419, 1)
    assert report.refused[0].index == 250
    assert max(ahead) <= 101


async def test_long_rows_make_small_batches(database: Database, execute: Execute, fetch: Fetch) -> None:
    """Those that begin the table tell how long the others may be."""
    await execute("CREATE TABLE t (id int, text text)")
    operator = BatchDatabaseOperator(
        database, BatchLimits(start_rows=100, fewest_rows=10, most_bytes=100_000)
    )
    await operator.bulk_insert("t", ["id", "text"], ((number, "x" * 5000) for number in range(400)))
    sizes = await fetch("SELECT count(*) FROM t GROUP BY xmin ORDER BY min(id)")
    assert sizes[0] == (100,)
    assert max(sizes[1:]) <= (20,)


async def test_writers_of_the_same_keys_do_not_lock_each_other_out(
    database: Database, operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch
) -> None:
    """Inserts and updates in every order, at once: nothing is retried, so there was no deadlock."""
    await execute("CREATE TABLE t (id int PRIMARY KEY, name text)")

    async def write(seed: int, count: int) -> None:
        rows = [(number, f"{seed}") for number in random.Random(seed).sample(range(count), count)]
        await operator.bulk_insert("t", ["id", "name"], rows, on_conflict=OnConflict(key=("id",)))
        await operator.bulk_update("t", ["id", "name"], rows[::-1], "id")

    await asyncio.gather(*(write(seed, count) for seed in range(3) for count in (FEW, MANY)))
    assert await fetch("SELECT count(*) FROM t") == [(MANY,)]
    assert operator.get_stats().retries == 0


async def test_a_table_or_column_that_is_not_there_is_an_error_at_once(
    operator: BatchDatabaseOperator, execute: Execute
) -> None:
    """And so are columns that do not fit together."""
    await execute("CREATE TABLE t (id int)")
    with pytest.raises(DatabaseError, match="nowhere"):
        await operator.bulk_insert("nowhere", ["id"], [(1,)])
    with pytest.raises(DatabaseError, match="missing"):
        await operator.bulk_insert("t", ["missing"], [(1,)])
    with pytest.raises(ValueError, match="key"):
        await operator.bulk_insert("t", ["id"], [(1,)], on_conflict=OnConflict(key=("key",)))
    with pytest.raises(ValueError, match="no column to update"):
        await operator.bulk_update("t", ["id"], [(1,)], "id")


async def test_a_table_that_was_changed_meanwhile_is_read_anew(
    operator: BatchDatabaseOperator, execute: Execute, fetch: Fetch
) -> None:
    """A staging table of the former type is not met again."""
    await execute("CREATE TABLE t (id int, value int)")
    rows = [(number, number) for number in range(MANY)]
    await operator.bulk_insert("t", ["id", "value"], rows)
    await execute("ALTER TABLE t ALTER COLUMN value TYPE text USING value::text")
    texts = [(number, f"text {number}") for number in range(MANY)]
    assert (await operator.bulk_insert("t", ["id", "value"], texts)).rows == MANY
    assert await fetch("SELECT count(*) FROM t WHERE value LIKE 'text%'") == [(MANY,)]


async def test_the_figures_are_those_of_the_work(operator: BatchDatabaseOperator, execute: Execute) -> None:
    """Rows, bytes, batches, refused rows and times."""
    await execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
    await operator.bulk_insert("t", ["id", "name"], [(number, "x" * 100) for number in range(3000)])
    await operator.bulk_insert("t", ["id", "name"], [(0, "again")])
    stats = operator.get_stats()
    assert (stats.rows, stats.refused, stats.retries) == (3000, 1, 0)
    assert stats.bytes == pytest.approx(3000 * 116, rel=0.01)
    assert 0 < stats.p50_seconds <= stats.p95_seconds <= stats.p99_seconds <= stats.seconds
    assert stats.batch_rows == operator.optimize_batch_size()
    assert json.dumps({"bytes": stats.bytes})


async def test_behind_a_transaction_pooler_nothing_stays_in_the_session(
    database: Database, execute: Execute, fetch: Fetch
) -> None:
    """The next transaction may be in another session; in one transaction a batch is staged and halved all the same."""
    await execute("CREATE TABLE t (id int PRIMARY KEY, name text CHECK (name <> 'bad'))")
    pooled = Database(database.pool, database.described, Pooler.TRANSACTION)
    rows = [(number, "bad" if number == 700 else "good") for number in range(MANY)]
    for _ in range(2):
        report = await BatchDatabaseOperator(pooled).bulk_insert(
            "t", ["id", "name"], rows, on_conflict=OnConflict(key=("id",))
        )
        assert [refused.index for refused in report.refused] == [700]
    assert await fetch("SELECT count(*) FROM t") == [(MANY - 1,)]
    assert await fetch("SELECT relname FROM pg_class WHERE relpersistence = 't'") == []
