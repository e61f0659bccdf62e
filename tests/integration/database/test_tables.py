"""Which answer stays where two meet, table by table."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import pytest

from cryoasync.database.connection import Database
from cryoasync.models import Row
from cryoasync.sources.files.table import FILE_RECORDS
from tests.conftest import Fetch
from tests.integration.database.builders import EARLIER, LATER, NOON, compound, descriptors, merge, molecule

STORED = "SELECT title, synonyms, extra, fetched_at, run_id FROM cryoasync.pubchem_compounds"


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


MOLECULE = """
SELECT pref_name, alogp, synonyms, extra, chembl_release, fetched_at, run_id FROM cryoasync.chembl_molecules
"""


async def test_the_same_answer_of_chembl_twice_rewrites_nothing(database: Database, fetch: Fetch) -> None:
    """The second merge leaves every row version in place, even from another run."""
    versions = "SELECT chembl_id, xmin::text, ctid::text FROM cryoasync.chembl_molecules ORDER BY chembl_id"
    ids = [f"CHEMBL{number}" for number in range(1, 101)]
    await merge(database, *(molecule(chembl_id, pref_name="A") for chembl_id in ids))
    before = await fetch(versions)
    await merge(database, *(molecule(chembl_id, pref_name="B", run_id=2) for chembl_id in ids))
    assert await fetch(versions) == before


OLD = {
    "pref_name": "A",
    "alogp": Decimal("1.20"),
    "synonyms": ["a"],
    "extra": {"x": 1},
    "chembl_release": "35",
}


@pytest.mark.parametrize(
    ("second", "stored"),
    [
        pytest.param(
            {**OLD, "fetched_at": LATER, "run_id": 2},
            ("A", Decimal("1.20"), ["a"], {"x": 1}, "35", LATER, 2),
            id="a newer answer with equal values moves time and run alone",
        ),
        pytest.param(
            {"synonyms": [], "extra": {"y": 2}, "chembl_release": "36", "fetched_at": LATER, "run_id": 2},
            (None, None, [], {"y": 2}, "36", LATER, 2),
            id="a newer answer replaces the whole row",
        ),
        pytest.param(
            {"pref_name": "B", "chembl_release": "36", "fetched_at": LATER, "run_id": 2},
            ("B", None, ["a"], None, "36", LATER, 2),
            id="an answer that says nothing of synonyms overwrites none",
        ),
        pytest.param(
            {"pref_name": "B", "fetched_at": EARLIER, "run_id": 2},
            ("A", Decimal("1.20"), ["a"], {"x": 1}, "35", NOON, 1),
            id="an older answer changes nothing",
        ),
    ],
)
async def test_answers_of_chembl_meet(
    database: Database, fetch: Fetch, second: dict[str, object], stored: tuple[object, ...]
) -> None:
    """Each row is whole from one answer, the newest."""
    await merge(database, molecule("CHEMBL1", **OLD))
    await merge(database, molecule("CHEMBL1", **second))
    assert await fetch(MOLECULE) == [stored]


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
