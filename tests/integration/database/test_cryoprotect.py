"""Molecules into CryoProtect's own tables, as its versions have them."""

import uuid
from decimal import Decimal

import asyncpg
import pytest

from cryoasync.database.connection import Database
from cryoasync.database.cryoprotect import publication as cryoprotect
from cryoasync.database.cryoprotect.properties import PROPERTY_TYPES
from cryoasync.database.cryoprotect.publication import CryoProtectTables, Published
from cryoasync.database.cryoprotect.schema import prepared_schema
from cryoasync.database.molecules.identity import Record, molecule_id
from cryoasync.errors import UsageError
from tests.conftest import Fetch
from tests.integration.database.builders import LATER, NOON, bring, compound, descriptors, molecule

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
WATER = "XLYOFNOQVPJJNP-UHFFFAOYSA-N"
VERSIONS = tuple(
    f"SELECT t::text, xmin::text FROM app.{table} AS t ORDER BY 1"
    for table in ("molecules", "property_types", "molecular_properties")
)
# As the application's first migration has them: policies, a trigger, a CID that must be there.
FIRST_VERSION = """
CREATE SCHEMA app;
CREATE TABLE app.molecules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), cid integer UNIQUE NOT NULL, name varchar(12) NOT NULL,
    molecular_formula text, smiles text, updated_at timestamptz NOT NULL DEFAULT now(), created_by uuid,
    pubchem_link text GENERATED ALWAYS AS ('https://pubchem.ncbi.nlm.nih.gov/compound/' || cid) STORED
);
CREATE TABLE app.property_types (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text UNIQUE NOT NULL, description text, units text,
    data_type text NOT NULL
);
INSERT INTO app.property_types (name, description, units, data_type) VALUES ('LogP', 'theirs', NULL, 'numeric');
CREATE TABLE app.molecular_properties (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    molecule_id uuid NOT NULL REFERENCES app.molecules ON DELETE CASCADE,
    property_type_id uuid NOT NULL REFERENCES app.property_types,
    numeric_value numeric, text_value text, boolean_value boolean, source text,
    UNIQUE (molecule_id, property_type_id)
);
ALTER TABLE app.molecules ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewable ON app.molecules FOR SELECT USING (true)
"""
# As its remediation of 2025 has them: the CID is generated from another column.
GENERATED_CID = """
CREATE SCHEMA app;
CREATE TABLE app.molecules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), pubchem_cid integer UNIQUE, chembl_id varchar(20),
    cid integer GENERATED ALWAYS AS (pubchem_cid) STORED, name text, molecular_formula text, smiles text
)
"""


async def script(database: Database, statements: str) -> None:
    """Execute statements in a transaction."""
    async with database.transaction() as connection:
        await connection.execute(statements)


async def publish(database: Database) -> Published:
    """Publish into the schema ``app``."""
    tables, _ = await CryoProtectTables.opened(database, "app")
    return await tables.publish(database)


async def properties(fetch: Fetch) -> dict[object, object]:
    """The one value of each property, by its type."""
    found = await fetch("""
        SELECT name, coalesce(numeric_value::text, text_value, boolean_value::text)
        FROM app.molecular_properties AS p JOIN app.property_types AS t ON t.id = p.property_type_id
    """)
    return {name: value for name, value in found}  # noqa: C416 - pairs to mypy


async def test_missing_tables_are_made_and_filled(database: Database, fetch: Fetch) -> None:
    """Each value under its own name: logP by three methods is three properties."""
    await bring(
        database,
        compound(
            2244, inchikey=ASPIRIN, title="Aspirin", smiles="CC", molecular_formula="C9H8O4", xlogp=1.2, tpsa=63.6
        ),
        molecule(
            "CHEMBL25", standard_inchi_key=ASPIRIN, alogp=Decimal("1.31"), psa=Decimal("63.60"), ro3_pass="N",
            full_mwt=Decimal("180.16"),
        ),
        descriptors(NOON, source_id="2244", crippen_logp=1.25, molecular_weight=180.159),
    )  # fmt: skip
    tables, made = await CryoProtectTables.opened(database, "app")
    assert made == ("molecules", "property_types", "molecular_properties")
    assert await tables.publish(database) == Published(molecules_inserted=1, properties_inserted=8)
    assert await fetch(
        "SELECT id, cid, chembl_id, name, smiles, molecular_formula, inchikey FROM app.molecules"
    ) == [
        (
            molecule_id(Record("pubchem", "2244"), ASPIRIN),
            2244,
            "CHEMBL25",
            "Aspirin",
            "CC",
            "C9H8O4",
            ASPIRIN,
        )
    ]
    assert await properties(fetch) == {
        "LogP": "1.2",
        "ALogP": "1.31",
        "Crippen LogP": "1.25",
        "TPSA": "63.6",
        "TPSA (N and O)": "63.60",
        "Molecular Weight": "180.16",
        "Rule of Three": "false",
        "InChIKey": ASPIRIN,
    }
    assert len(await fetch("SELECT 1 FROM app.property_types")) == len(PROPERTY_TYPES)


async def test_a_second_time_rewrites_no_row(
    database: Database, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several pages; a change is written, and nothing else."""
    monkeypatch.setattr(cryoprotect, "_MOLECULES_AT_A_TIME", 7)
    await bring(database, *(compound(cid, title=f"t{cid}", xlogp=cid / 10) for cid in range(1, 31)))
    assert await publish(database) == Published(molecules_inserted=30, properties_inserted=30)
    before = [await fetch(query) for query in VERSIONS]
    assert await publish(database) == Published(molecules_unchanged=30)
    assert [await fetch(query) for query in VERSIONS] == before
    await bring(
        database,
        compound(5, title="other", xlogp=0.5, fetched_at=LATER),
        compound(6, title="t6", xlogp=9.5, fetched_at=LATER),
    )
    assert await publish(database) == Published(
        molecules_updated=1, molecules_unchanged=29, properties_updated=1
    )


async def test_rows_of_the_application_keep_their_ids(database: Database, fetch: Fetch) -> None:
    """Found by any CID of the molecule, else by its ChEMBL id; a value there is never replaced by none."""
    await CryoProtectTables.opened(database, "app")
    by_cid, by_chembl_id, by_hand = (uuid.uuid4() for _ in range(3))
    await fetch(
        """
        INSERT INTO app.molecules (id, cid, chembl_id, name, smiles, inchikey)
        VALUES ($1, 30, NULL, 'old', 'S', NULL), ($2, NULL, 'CHEMBL9', NULL, NULL, NULL), ($3, 77, NULL, 'n', NULL, $4)
        RETURNING 1
        """,
        by_cid, by_chembl_id, by_hand, WATER,
    )  # fmt: skip
    await bring(
        database,
        compound(20, inchikey=ASPIRIN, title="new"),
        compound(30, inchikey=ASPIRIN),
        molecule("CHEMBL9", pref_name="NINE"),
        compound(5, inchikey=WATER, title="five"),
    )
    assert await publish(database) == Published(
        molecules_inserted=1, molecules_updated=2, properties_inserted=2
    )
    found = await fetch("SELECT id, cid, chembl_id, name, smiles, inchikey FROM app.molecules ORDER BY cid")
    assert found == [
        (molecule_id(Record("pubchem", "5"), WATER), 5, None, "five", None, None),
        (by_cid, 30, None, "new", "S", ASPIRIN),
        (by_hand, 77, None, "n", None, WATER),
        (by_chembl_id, None, "CHEMBL9", "NINE", None, None),
    ]
    assert await publish(database) == Published(molecules_unchanged=3)


async def test_a_molecule_gets_its_cid_when_pubchem_comes_later(database: Database, fetch: Fetch) -> None:
    """In the row that it had as one of ChEMBL's."""
    await bring(database, molecule("CHEMBL25", standard_inchi_key=ASPIRIN, pref_name="ASPIRIN"))
    await publish(database)
    await bring(database, compound(2244, inchikey=ASPIRIN, title="Aspirin"))
    assert await publish(database) == Published(molecules_updated=1)
    assert await fetch("SELECT cid, chembl_id, name FROM app.molecules") == [(2244, "CHEMBL25", "Aspirin")]


async def test_a_molecule_that_has_got_a_structure_keeps_its_row(database: Database, fetch: Fetch) -> None:
    """Though its id is another one now, and the table has no column to find it by."""
    await CryoProtectTables.opened(database, "app")
    await script(database, "ALTER TABLE app.molecules DROP COLUMN chembl_id")
    await bring(database, molecule("CHEMBL25", pref_name="ASPIRIN"))
    await publish(database)
    before = await fetch("SELECT id FROM app.molecules")
    await bring(
        database, molecule("CHEMBL25", pref_name="ASPIRIN", standard_inchi_key=ASPIRIN, fetched_at=LATER)
    )
    done = await publish(database)
    assert (done.molecules_inserted, done.molecules_updated) == (0, 1)
    assert await fetch("SELECT id FROM app.molecules") == before


async def test_a_cid_that_has_become_another_molecule_keeps_its_row(database: Database, fetch: Fetch) -> None:
    """The molecule that lost it gets a row of its own."""
    await bring(
        database, compound(1, inchikey=ASPIRIN, title="one"), compound(2, inchikey=ASPIRIN, title="two")
    )
    await publish(database)
    await bring(database, compound(1, inchikey=WATER, title="one", fetched_at=LATER))
    assert (await publish(database)).molecules_inserted == 1
    # The key of a new row waits until the old row has given it up.
    assert (await publish(database)).molecules_updated == 1
    assert await publish(database) == Published(molecules_unchanged=2)
    found = await fetch("SELECT cid, name, inchikey FROM app.molecules ORDER BY cid")
    assert found == [(1, "one", WATER), (2, "two", ASPIRIN)]


async def test_the_first_version_of_the_application_is_served(database: Database, fetch: Fetch) -> None:
    """Molecules without a CID are left out, a name is never missing or too long, policies and types stay."""
    await script(database, FIRST_VERSION)
    await bring(
        database, compound(1, xlogp=1.5), compound(2, title="a name that is too long"), molecule("CHEMBL1")
    )
    done = await publish(database)
    assert (done.molecules_inserted, done.molecules_without_cid) == (2, 1)
    assert await fetch("SELECT cid, name FROM app.molecules ORDER BY cid") == [
        (1, "CID 1"),
        (2, "a name that "),
    ]
    assert await fetch("SELECT source, numeric_value FROM app.molecular_properties") == [
        ("pubchem", Decimal("1.5"))
    ]
    assert await fetch("SELECT description FROM app.property_types WHERE name = 'LogP'") == [("theirs",)]
    assert await fetch("SELECT relrowsecurity FROM pg_class WHERE oid = 'app.molecules'::regclass") == [
        (True,)
    ]
    assert await publish(database) == Published(molecules_unchanged=2, molecules_without_cid=1)


async def test_a_generated_cid_is_written_where_it_comes_from(database: Database, fetch: Fetch) -> None:
    """The tables that are missing beside it are made."""
    await script(database, GENERATED_CID)
    await bring(database, compound(1, title="a"), molecule("CHEMBL1", pref_name="b"))
    tables, made = await CryoProtectTables.opened(database, "app")
    assert made == ("property_types", "molecular_properties")
    assert (await tables.publish(database)).molecules_inserted == 2
    assert await fetch("SELECT cid, chembl_id, name FROM app.molecules ORDER BY name") == [
        (1, None, "a"),
        (None, "CHEMBL1", "b"),
    ]


async def test_other_tables_of_these_names_are_refused(database: Database) -> None:
    """Nothing is written to them."""
    await script(database, "CREATE SCHEMA app; CREATE TABLE app.molecules (id integer)")
    with pytest.raises(UsageError, match=r"not CryoProtect's: there is no molecules\.name"):
        await CryoProtectTables.opened(database, "app")


async def test_a_property_type_of_another_kind_is_refused(database: Database) -> None:
    """The application would read another column."""
    await script(database, FIRST_VERSION)
    await script(database, "UPDATE app.property_types SET data_type = 'text'")
    with pytest.raises(UsageError, match="'LogP' holds 'text'"):
        await CryoProtectTables.opened(database, "app")


async def test_row_level_security_is_left_alone_and_no_row_is_lost_to_it(database: Database) -> None:
    """Where it would hide rows from the user, nothing is published."""
    await script(database, FIRST_VERSION)
    role = f"reader_{uuid.uuid4().hex}"
    await script(
        database,
        f"CREATE ROLE {role}; GRANT ALL ON SCHEMA app TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA app TO {role}",
    )
    try:
        with pytest.raises(
            UsageError, match="Row-level security applies to this user on molecules"
        ) as refused:
            await _opened_as(database, role)
        assert "BYPASSRLS" in (refused.value.hint or "")
    finally:
        await script(database, f"DROP OWNED BY {role}; DROP ROLE {role}")


async def _opened_as(database: Database, role: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(f"SET LOCAL ROLE {role}")
        await prepared_schema(connection, "app")


async def test_what_was_published_stays_where_a_later_page_fails(
    database: Database, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page is a transaction of its own."""
    monkeypatch.setattr(cryoprotect, "_MOLECULES_AT_A_TIME", 10)
    await bring(database, *(compound(cid) for cid in range(1, 31)))
    tables, _ = await CryoProtectTables.opened(database, "app")
    await script(
        database,
        "ALTER TABLE app.molecules ADD CONSTRAINT odd CHECK (id < '90000000-0000-0000-0000-000000000000')",
    )
    with pytest.raises(Exception, match="odd") as failed:
        await tables.publish(database)
    assert isinstance(failed.value.__cause__, asyncpg.CheckViolationError)
    assert (await fetch("SELECT count(*) > 0 AND count(*) % 10 = 0 FROM app.molecules")) == [(True,)]
