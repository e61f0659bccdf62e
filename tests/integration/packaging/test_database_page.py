"""docs/database.md describes the database that a user has."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.runs.spool import SpooledEntry
from cryoasync.models import EntryState, FailureKind
from tests.conftest import Fetch
from tests.integration.database.builders import (
    NOON,
    attempt,
    batch_of,
    bring,
    compound,
    descriptors,
    entries,
    entry_result,
    failure,
    molecule,
    started_run,
    store_of,
)
from tests.unit.packaging.command_words import ROOT

PAGE = (ROOT / "docs" / "database.md").read_text("utf-8")
QUERIES = re.findall(r"\n([^\n]+):\n\n```sql\n(.*?)```", PAGE, re.DOTALL)
CATALOGUE = """
SELECT table_name, array_agg(column_name::text ORDER BY column_name::text COLLATE "C")
FROM information_schema.columns
WHERE table_schema = 'cryoasync'
GROUP BY table_name
"""


def names_in(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`(\w+)`", text)


def described() -> dict[str, list[str]]:
    """The columns that the page names for each table, sorted."""
    tables: dict[str, list[str]] = {}
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
        if title == "Tables of the machinery":
            tables |= {names_in(table)[0]: sorted(names_in(columns)) for table, columns in rows}
        elif rows:
            tables[title] = sorted(name for cells in rows for name in names_in(cells[0]))
    return tables


async def test_every_column_of_every_table_is_described_and_no_other(fetch: Fetch) -> None:
    """A migration that adds one is not done before its page is."""
    catalogue = {str(table): columns for table, columns in await fetch(CATALOGUE)}
    assert described() == catalogue


def test_every_kind_of_failure_is_named() -> None:
    """The column holds nothing that the page does not explain."""
    (kinds,) = re.findall(r"^Kinds: (.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert set(names_in(kinds)) == set(FailureKind)


@pytest.fixture
async def laboratory(database: Database) -> Database:
    """A database with something to find for every query."""
    invalid = SpooledEntry("abc", 5, EntryState.INVALID, "not a number")
    run = await started_run(database, [*entries(4), invalid])
    known = {"molecular_weight": Decimal("180.16"), "synonyms": ["aspirin"], "xlogp": 1.2}
    rows = [
        compound(1, inchikey="BSYNRYMUTXBXSQ-UHFFFAOYSA-N", **known),
        compound(2, inchikey="BSYNRYMUTXBXSQ-QHCPKHFHSA-N", **known),
    ]
    batch = replace(
        batch_of(
            entry_result(0, rows=[rows[0], descriptors(NOON, crippen_logp=1.3)]),
            entry_result(1, rows=[rows[1]]),
            entry_result(2, failures=[failure(2)]),
        ),
        attempts=[attempt(0, 3)],
    )
    await store_of(database, run).commit(batch)
    await bring(
        database,
        molecule("CHEMBL25", standard_inchi_key="BSYNRYMUTXBXSQ-UHFFFAOYSA-N", max_phase=Decimal(4)),
        molecule("CHEMBL26", parent_chembl_id="CHEMBL25"),
    )
    return database


def test_there_are_thirteen_queries() -> None:
    """As the heading says."""
    assert len(QUERIES) == 13


@pytest.mark.parametrize("query", [pytest.param(query, id=title[:40]) for title, query in QUERIES])
async def test_each_query_runs_and_finds_something(laboratory: Database, fetch: Fetch, query: str) -> None:
    """Copied from the page as it stands."""
    assert await fetch(query)
