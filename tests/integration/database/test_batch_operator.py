"""Merging rows into the tables of a real server."""

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal

import pytest

from cryoasync.database.bulk.batch_transaction import BatchTransaction, Merged
from cryoasync.database.connection import Database
from cryoasync.errors import DatabaseError
from cryoasync.models import Row, StagedTable
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS
from tests.conftest import Fetch
from tests.integration.database.builders import compound, merge, operator_of


def refused_ids(report: Merged, rows: Sequence[Row]) -> set[str]:
    """The ids of the rows that were not merged."""
    return {rows[refused.index].source_id for refused in report.refused}


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
        {"extra": {"x": complex(1, 1)}},
        {"extra": {"x": "\x00"}},
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
    assert refused_ids(report, rows) == {"42"}
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
    rows = [compound(cid) for cid in range(1, 1001)]
    report = await merge(database, *rows)
    assert refused_ids(report, rows) == {"82", "332", "582", "832"}
    assert all("lead" in refused.message for refused in report.refused)
    assert report.rows == 996
    assert await fetch("SELECT count(*) FROM cryoasync.pubchem_compounds") == [(996,)]


async def test_an_error_that_is_no_rows_fault_is_raised(database: Database) -> None:
    """A statement that is wrong fails at once instead of refusing every row."""
    broken = StagedTable(
        name="pubchem_compounds", columns=("cid",), key=("cid",), merge=("SELECT nonsense FROM {staging}",)
    )
    with pytest.raises(DatabaseError, match="nonsense"):
        await merge(database, Row(table=broken, source_id="1", values=(1,)))


async def test_writers_of_the_same_rows_do_not_lock_each_other_out(database: Database, fetch: Fetch) -> None:
    """Four at once, each in another order: no deadlock, every row there."""

    async def write(seed: int) -> None:
        cids = random.Random(seed).sample(range(1, 501), 500)
        for _ in range(5):
            await merge(database, *(compound(cid, title=str(seed)) for cid in cids))

    await asyncio.gather(*map(write, range(4)))
    assert await fetch("SELECT count(*) FROM cryoasync.pubchem_compounds") == [(500,)]


async def test_a_table_can_be_merged_twice_in_a_transaction(database: Database, fetch: Fetch) -> None:
    """The second merge stages its own rows only."""

    async def twice(transaction: BatchTransaction) -> None:
        for row in (compound(1), compound(2)):
            assert (await transaction.merge(row.table, [row.values])).rows == 1

    await operator_of(database).transact(twice)
    assert await fetch("SELECT cid FROM cryoasync.pubchem_compounds ORDER BY cid") == [(1,), (2,)]
