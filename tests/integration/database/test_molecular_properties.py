"""Each value of each molecule, with who said it and how."""

from decimal import Decimal
from typing import Any

from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.database.connection import Database
from cryoasync.models import Row, StagedTable
from cryoasync.sources.chembl.table import CHEMBL_MOLECULES
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS
from tests.conftest import Fetch
from tests.integration.database.builders import LATER, NOON, bring, compound, descriptors, molecule

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
# What is a name, a key, a time, or no value of the molecule.
NO_VALUES = {
    *("cid", "title", "synonyms", "extra", "fetched_at", "run_id"),
    *("chembl_id", "pref_name", "structure_type", "parent_chembl_id", "chembl_release"),
    *("source", "source_id", "rdkit_version", "computed_at"),
}

SOME = {
    "text": "x",
    "numeric": Decimal("1.50"),
    "double precision": 2.5,
    "integer": 3,
    "bigint": 3,
    "ARRAY": ["a"],
    "jsonb": {"k": 1},
    "timestamp with time zone": NOON,
}


async def test_three_ways_to_estimate_logp_are_three_properties(database: Database, fetch: Fetch) -> None:
    """Each with its method, its source's id and its time; a value that was left out is no row."""
    await bring(
        database, compound(1, inchikey=ASPIRIN, xlogp=1.2), molecule("CHEMBL25", standard_inchi_key=ASPIRIN)
    )
    await bring(
        database,
        molecule("CHEMBL25", standard_inchi_key=ASPIRIN, alogp=Decimal("1.31"), fetched_at=LATER),
        descriptors(LATER, crippen_logp=1.3101000000000003),
    )
    logps = await fetch("""
        SELECT property, value_numeric, source, method, source_id, fetched_at
        FROM cryoasync.molecular_properties JOIN cryoasync.molecules ON id = molecule_id
        WHERE property LIKE '%logp%' AND inchikey = 'BSYNRYMUTXBXSQ-UHFFFAOYSA-N'
        ORDER BY property
    """)
    assert [(name, value, source, source_id, at) for name, value, source, _, source_id, at in logps] == [
        ("alogp", Decimal("1.31"), "chembl", "CHEMBL25", LATER),
        ("crippen_logp", Decimal("1.3101000000000003"), "rdkit", "1", LATER),
        ("xlogp3", Decimal("1.2"), "pubchem", "1", NOON),
    ]
    assert [method for *_, method, _, _ in logps] == [
        "ALogP as ChEMBL computes it, with RDKit after Wildman and Crippen",
        "Wildman and Crippen (RDKit 2026.09.1)",
        "XLogP3",
    ]


async def test_a_value_is_what_its_source_wrote(database: Database, fetch: Fetch) -> None:
    """Trailing zeros of a mass stay; text stands in a column of its own; a zero is a value."""
    await bring(
        database, compound(7, molecular_weight=Decimal("180.160"), charge=0, molecular_formula="C9H8O4")
    )
    assert await fetch("""
        SELECT property, value_numeric::text, value_text, unit FROM cryoasync.molecular_properties ORDER BY property
    """) == [
        ("charge", "0", None, "e"),
        ("molecular_formula", None, "C9H8O4", None),
        ("molecular_weight", "180.160", None, "g/mol"),
    ]


async def test_every_column_with_a_value_is_a_property(database: Database, fetch: Fetch) -> None:
    """None was forgotten, and none is without method and reference."""
    for table, source in (
        (PUBCHEM_COMPOUNDS, "pubchem"), (CHEMBL_MOLECULES, "chembl"), (RDKIT_DESCRIPTORS, "rdkit"),
    ):  # fmt: skip
        defined = await fetch(
            "SELECT column_name FROM cryoasync.property_definitions WHERE source = $1 AND reference LIKE 'https://%'",
            source,
        )
        assert {name for (name,) in defined} == set(table.columns) - NO_VALUES


async def test_every_value_of_a_full_record_has_its_row(database: Database, fetch: Fetch) -> None:
    """As many as are defined, from each of the three tables."""
    for table in (PUBCHEM_COMPOUNDS, CHEMBL_MOLECULES, RDKIT_DESCRIPTORS):
        await bring(database, await a_full_row(fetch, table))
    counted = "SELECT source, count(*) FROM cryoasync.{} GROUP BY source ORDER BY source"
    assert await fetch(counted.format("molecular_properties")) == await fetch(
        counted.format("property_definitions")
    )


async def a_full_row(fetch: Fetch, table: StagedTable) -> Row:
    """A row in which every column has a value of its type."""
    found: list[Any] = await fetch(
        "SELECT column_name::text, data_type::text FROM information_schema.columns"
        " WHERE table_schema = 'cryoasync' AND table_name = $1",
        table.name,
    )
    types = dict(found)
    known = {"source": "pubchem", "source_id": "1", "cid": 1, "chembl_id": "CHEMBL1"}
    values = tuple(known.get(column) or SOME[types[column]] for column in table.columns)
    return Row(table=table, source_id="1", values=values)
