"""Merging rows into the tables of a real server."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import asyncpg
import pytest

from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.database.batch_operator import BatchDatabaseOperator, MergeReport
from cryoasync.database.connection import Database
from cryoasync.models import Row, StagedTable
from cryoasync.sources.files.table import FILE_RECORDS
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS
from tests.conftest import Fetch
from tests.integration.database.builders import EARLIER, LATER, NOON, compound

STORED = "SELECT title, synonyms, extra, fetched_at, run_id FROM cryoasync.pubchem_compounds"


async def merge(database: Database, *rows: Row) -> MergeReport:
    """Merge rows in a transaction of their own."""
    async with database.transaction() as connection:
        return await BatchDatabaseOperator().merge(connection, rows)


def refused_ids(report: MergeReport) -> set[str]:
    """The ids of the rows that were not merged."""
    return {refused.row.source_id for refused in report.refused}


async def test_every_column_comes_back_as_it_went(database: Database, fetch: Fetch) -> None:
    """Texts of any script, trailing zeros, arrays, JSON, NULL and times."""
    row = compound(
        2244,
        title="Ацетилсалициловая кислота 🧊",
        molecular_weight=Decimal("180.160"),
        xlogp=1.2,
        charge=-(2**31),
        synonyms=["aspirin", "", 'a{b},"c"'],
        extra={"Volume3D": 136, "nested": [None, True]},
    )
    assert (await merge(database, row)).rows == 1
    columns = ", ".join(PUBCHEM_COMPOUNDS.columns)
    [stored] = await fetch(f"SELECT {columns} FROM cryoasync.pubchem_compounds")
    assert stored == row.values
    assert await fetch("SELECT molecular_weight::text FROM cryoasync.pubchem_compounds") == [("180.160",)]


async def test_the_same_answer_twice_rewrites_nothing(database: Database, fetch: Fetch) -> None:
    """The second merge leaves every row version in place, even from another run."""
    rows = [compound(cid, title=f"compound {cid}", synonyms=["s"], extra={"k": 1}) for cid in range(1, 101)]
    versions = "SELECT cid, xmin::text, ctid::text FROM cryoasync.pubchem_compounds ORDER BY cid"
    await merge(database, *rows)
    before = await fetch(versions)
    await merge(database, *(compound(int(r.source_id), title="other", run_id=2) for r in rows))
    assert await fetch(versions) == before


async def test_a_newer_answer_with_equal_values_moves_time_and_run_alone(
    database: Database, fetch: Fetch
) -> None:
    """Everything else stays equal."""
    await merge(database, compound(1, title="water", synonyms=["aqua"], extra={"k": 1}))
    await merge(
        database, compound(1, title="water", synonyms=["aqua"], extra={"k": 1}, fetched_at=LATER, run_id=2)
    )
    assert await fetch(STORED) == [("water", ["aqua"], {"k": 1}, LATER, 2)]


@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        pytest.param(
            {"title": "old", "synonyms": ["a"], "extra": {"x": 1, "y": 1}},
            {"title": None, "fetched_at": LATER, "run_id": 2, "extra": {"y": 2}},
            (None, ["a"], {"x": 1, "y": 2}, LATER, 2),
            id="a newer answer overwrites what it was asked for, with NULL too, and nothing else",
        ),
        pytest.param(
            {"title": "new", "extra": {"y": 1}},
            {"title": "old", "fetched_at": EARLIER, "run_id": 2, "synonyms": [], "extra": {"x": 2, "y": 2}},
            ("new", [], {"x": 2, "y": 1}, NOON, 1),
            id="an older answer fills what the stored one was not asked for, and nothing else",
        ),
        pytest.param(
            {"title": "new", "synonyms": []},
            {"title": "old", "fetched_at": EARLIER, "synonyms": ["a"]},
            ("new", [], None, NOON, 1),
            id="no synonyms is an answer, which an older one does not fill",
        ),
        pytest.param(
            {"synonyms": ["a"], "extra": {"x": 1}},
            {"title": "new", "fetched_at": LATER},
            ("new", ["a"], {"x": 1}, LATER, 1),
            id="what was not asked for is not absent",
        ),
    ],
)
async def test_answers_meet(
    database: Database,
    fetch: Fetch,
    first: dict[str, object],
    second: dict[str, object],
    stored: tuple[str | None, list[str] | None, dict[str, int] | None, datetime, int],
) -> None:
    """Two answers about one compound leave what either was asked for, the newer one first."""
    await merge(database, compound(1, **first))
    await merge(database, compound(1, **second))
    assert await fetch(STORED) == [stored]


async def test_the_last_of_equal_keys_counts(database: Database, fetch: Fetch) -> None:
    """A batch may hold a compound twice."""
    report = await merge(database, compound(1, title="first"), compound(1, title="last"))
    assert report.rows == 1
    assert await fetch("SELECT title FROM cryoasync.pubchem_compounds") == [("last",)]


@pytest.mark.parametrize(
    "bad",
    [
        {"title": "a\x00b"},
        {"title": "lone \ud800 surrogate"},
        {"title": 7},
        {"synonyms": ["fine", "a\x00b"]},
        {"charge": 2**31},
        {"charge": 1.5},
        {"molecular_weight": Decimal("1E+140000")},
        {"molecular_weight": Decimal("1E-20000")},
        {"xlogp": "much"},
        {"extra": {"x": float("nan")}},
        {"extra": {"x": object()}},
        {"extra": {"x": "\x00"}},
        {"inchikey": "".join(random.Random(1).choices("ABCDEFGHIJ", k=20_000))},
        {"fetched_at": None},
    ],
    ids=repr,
)
async def test_one_bad_value_costs_its_row_alone(
    database: Database, fetch: Fetch, bad: dict[str, object]
) -> None:
    """Of a hundred rows ninety-nine land, and the hundredth comes back with a message."""
    rows = [compound(cid, **(bad if cid == 42 else {})) for cid in range(1, 101)]
    report = await merge(database, *rows)
    assert refused_ids(report) == {"42"}
    assert report.refused[0].message
    assert await fetch(
        "SELECT count(*), count(*) FILTER (WHERE cid = 42) FROM cryoasync.pubchem_compounds"
    ) == [(99, 0)]


@pytest.mark.parametrize(
    "obstacle",
    [
        "ALTER TABLE cryoasync.pubchem_compounds ADD CONSTRAINT no_lead CHECK (cid % 250 <> 82)",
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF new.cid % 250 = 82 THEN RAISE EXCEPTION 'no lead here'; END IF; RETURN new; END $$;
        CREATE TRIGGER no_lead BEFORE INSERT ON cryoasync.pubchem_compounds
            FOR EACH ROW EXECUTE FUNCTION refuse()
        """,
    ],
    ids=["check constraint", "trigger"],
)
async def test_what_only_the_server_refuses_is_found_by_halving(
    database: Database, fetch: Fetch, obstacle: str
) -> None:
    """Four culprits in a thousand, named with the server's message; the others land."""
    async with database.transaction() as connection:
        await connection.execute(obstacle)
    report = await merge(database, *(compound(cid) for cid in range(1, 1001)))
    assert refused_ids(report) == {"82", "332", "582", "832"}
    assert all("lead" in refused.message for refused in report.refused)
    assert report.rows == 996
    assert await fetch("SELECT count(*) FROM cryoasync.pubchem_compounds") == [(996,)]


async def test_an_error_that_is_no_rows_fault_is_raised(database: Database) -> None:
    """A statement that is wrong fails at once instead of refusing every row."""
    broken = StagedTable(
        name="pubchem_compounds", columns=("cid",), key=("cid",), merge=("SELECT nonsense FROM {staging}",)
    )
    async with database.pool.acquire() as connection, connection.transaction():
        with pytest.raises(asyncpg.UndefinedColumnError):
            await BatchDatabaseOperator().merge(connection, [Row(table=broken, source_id="1", values=(1,))])


async def test_writers_of_the_same_rows_do_not_lock_each_other_out(database: Database, fetch: Fetch) -> None:
    """Four at once, each in another order: no deadlock, every row there."""
    operator = BatchDatabaseOperator()

    async def write(seed: int) -> None:
        cids = random.Random(seed).sample(range(1, 501), 500)
        for _ in range(5):
            async with database.transaction() as connection:
                await operator.merge(connection, [compound(cid, title=str(seed)) for cid in cids])

    await asyncio.gather(*map(write, range(4)))
    assert await fetch("SELECT count(*) FROM cryoasync.pubchem_compounds") == [(500,)]


async def test_a_table_can_be_merged_twice_in_a_transaction(database: Database, fetch: Fetch) -> None:
    """The second merge stages its own rows only."""
    operator = BatchDatabaseOperator()
    async with database.transaction() as connection:
        await operator.merge(connection, [compound(1)])
        assert (await operator.merge(connection, [compound(2)])).rows == 1
    assert await fetch("SELECT cid FROM cryoasync.pubchem_compounds ORDER BY cid") == [(1,), (2,)]


def descriptors(computed_at: datetime, **values: object) -> Row:
    """A row of rdkit_descriptors for CID 1."""
    given = {
        "source": "pubchem",
        "source_id": "1",
        "rdkit_version": "2026.09.1",
        "computed_at": computed_at,
        **values,
    }
    return Row(
        table=RDKIT_DESCRIPTORS,
        source_id="1",
        values=tuple(given.get(column) for column in RDKIT_DESCRIPTORS.columns),
    )


async def test_descriptors_are_rewritten_only_where_a_value_differs(database: Database, fetch: Fetch) -> None:
    """The time of an equal computation does not count."""
    computed = "SELECT qed, computed_at FROM cryoasync.rdkit_descriptors"
    await merge(database, descriptors(NOON, qed=0.5))
    await merge(database, descriptors(LATER, qed=0.5))
    assert await fetch(computed) == [(0.5, NOON)]
    await merge(database, descriptors(LATER, qed=None))
    assert await fetch(computed) == [(None, LATER)]


def record_rows(run_id: int, names: Sequence[str]) -> list[Row]:
    """Rows of file_records."""
    return [
        Row(
            table=FILE_RECORDS,
            source_id=f"a.sdf:{number}",
            values=("a.sdf", number, None, "O", None, {"name": name}, run_id),
        )
        for number, name in enumerate(names, start=1)
    ]


async def test_a_record_of_a_file_is_rewritten_only_where_it_differs(
    database: Database, fetch: Fetch
) -> None:
    """The run moves with the values, not alone."""
    await merge(database, *record_rows(1, ["water", "ice"]))
    await merge(database, *record_rows(2, ["water", "snow"]))
    assert await fetch("SELECT record, fields, run_id FROM cryoasync.file_records ORDER BY record") == [
        (1, {"name": "water"}, 1),
        (2, {"name": "snow"}, 2),
    ]
