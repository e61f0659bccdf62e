"""One table of molecules over both sources: the same end, in whatever order the answers come."""

import asyncio
import operator
import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

import pytest

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.molecules.backlog import enter_backlog
from cryoasync.database.molecules.identity import Record, molecule_id
from cryoasync.database.molecules.molecules import enter_records
from cryoasync.database.schema import migrate, shipped_migrations
from cryoasync.models import Row
from tests.conftest import Fetch, fetch_of
from tests.integration.database.builders import (
    LATER,
    NOON,
    batch_of,
    bring,
    compound,
    entry_result,
    merge,
    molecule,
    started_run,
    store_of,
)

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
WATER = "XLYOFNOQVPJJNP-UHFFFAOYSA-N"
MOLECULES = (
    "SELECT inchikey, name, smiles, molecular_formula FROM cryoasync.molecules ORDER BY inchikey, name"
)
SOURCES = """
SELECT source, source_id, inchikey, name
FROM cryoasync.molecule_sources LEFT JOIN cryoasync.molecules ON id = molecule_id
ORDER BY source, source_id COLLATE "C"
"""
STATE = tuple(
    f"SELECT t::text FROM cryoasync.{table} AS t ORDER BY 1" for table in ("molecules", "molecule_sources")
)
FIRST_WITH_MOLECULES = 4
SOMEBODY_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
VERSIONS = tuple(
    f"SELECT t::text, xmin::text, ctid::text FROM cryoasync.{table} AS t ORDER BY 1"
    for table in ("molecules", "molecule_sources", "molecule_redirects")
)


def key_of(number: int) -> str:
    """An InChIKey that no other number has."""
    letters = "".join(chr(ord("A") + int(digit)) for digit in f"{number:014d}")
    return f"{letters}-UHFFFAOYSA-N"


async def link(fetch: Fetch, *pairs: tuple[str, int]) -> None:
    """What UniChem says."""
    for chembl_id, cid in pairs:
        await fetch("INSERT INTO cryoasync.unichem_links VALUES ($1, $2) RETURNING 1", chembl_id, cid)


async def state(fetch: Fetch) -> list[list[tuple[object, ...]]]:
    """All molecules, and all records that they come from."""
    return [await fetch(query) for query in STATE]


async def clear(fetch: Fetch) -> None:
    """Forget everything but the links."""
    for table in (
        "molecules",
        "molecule_sources",
        "molecule_redirects",
        "pubchem_compounds",
        "chembl_molecules",
    ):
        await fetch(f"WITH gone AS (DELETE FROM cryoasync.{table} RETURNING 1) SELECT count(*) FROM gone")


async def test_a_batch_brings_its_molecules(database: Database, fetch: Fetch) -> None:
    """In the transaction of its rows, and no molecule of a row that was refused."""
    run = await started_run(database, 3)
    aspirin = compound(1, inchikey=ASPIRIN, title="Aspirin", smiles="CC", molecular_formula="C9H8O4")
    refused = compound(2, title="a\x00b", inchikey=WATER)
    await store_of(database, run).commit(
        batch_of(entry_result(0, rows=[aspirin]), entry_result(1, rows=[refused]))
    )
    assert await fetch(MOLECULES) == [(ASPIRIN, "Aspirin", "CC", "C9H8O4")]
    assert await fetch(SOURCES) == [("pubchem", "1", ASPIRIN, "Aspirin")]


async def test_the_id_is_what_anybody_can_compute(database: Database, fetch: Fetch) -> None:
    """A UUIDv5 of the identifiers.org URL of the InChIKey, else of the source's id."""
    await bring(database, compound(1, inchikey=ASPIRIN), compound(2), molecule("CHEMBL3"))
    urls = [f"inchikey:{ASPIRIN}", "pubchem.compound:2", "chembl.compound:CHEMBL3"]
    assert {value for (value,) in await fetch("SELECT id FROM cryoasync.molecules")} == {
        uuid5(NAMESPACE_URL, f"https://identifiers.org/{url}") for url in urls
    }


async def test_one_structure_is_one_molecule(database: Database, fetch: Fetch) -> None:
    """Several CIDs and ChEMBL ids stay as its records; PubChem's first title names it, by number, not as text."""
    await bring(
        database, molecule("CHEMBL25", standard_inchi_key=ASPIRIN, pref_name="ASPIRIN", full_molformula="C9")
    )
    assert await fetch(MOLECULES) == [(ASPIRIN, "ASPIRIN", None, "C9")]
    await bring(
        database,
        compound(100, inchikey=ASPIRIN, title="Hundred", smiles="S100"),
        compound(20, inchikey=ASPIRIN, title="Twenty"),
        compound(3, inchikey=ASPIRIN),
        molecule("CHEMBL3", standard_inchi_key=ASPIRIN, pref_name="OTHER", canonical_smiles="S3"),
    )
    assert await fetch(MOLECULES) == [(ASPIRIN, "Twenty", "S100", "C9")]
    assert len(await fetch(SOURCES)) == 5


async def test_a_molecule_of_many_records_costs_no_more_than_one_of_few(
    database: Database, fetch: Fetch
) -> None:
    """What it says is found in its first record; where that lacks something, the search ends with who has it."""
    many = [compound(cid, inchikey=ASPIRIN, title=f"{cid}", molecular_formula="C") for cid in range(2, 500)]
    await bring(database, compound(1, inchikey=ASPIRIN, title="First", smiles="C"), *many)
    await merge(database, compound(500, inchikey=ASPIRIN))
    read = """
        SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'cryoasync.pubchem_compounds'::regclass
    """
    async with database.transaction() as connection:
        before = await connection.fetchval(read)
        await enter_records(connection, [Record("pubchem", "500")])
        assert await connection.fetchval(read) - before < 20
    assert await fetch(MOLECULES) == [(ASPIRIN, "First", "C", "C")]


@pytest.mark.parametrize(
    "key",
    [None, "", "BSYNRYMUTXBXSQ-UHFFFAOYNA-N", "BSYNRYMUTXBXSQ-UHFFFAOYSA", "x" * 2000],
    ids=["none", "empty", "not standard", "short", "long"],
)
async def test_without_a_standard_key_a_record_is_a_molecule_of_its_own(
    database: Database, fetch: Fetch, key: str | None
) -> None:
    """Two records with the same text there are two molecules."""
    await bring(database, compound(1, inchikey=key, title="a"), molecule("CHEMBL1", standard_inchi_key=key))
    assert await fetch(MOLECULES) == [(None, "a", None, None), (None, None, None, None)]


async def test_a_structure_that_comes_later_joins_and_leaves_a_redirect(
    database: Database, fetch: Fetch
) -> None:
    """Whoever kept an old id finds the present one, over any number of moves; an id that comes back is no redirect."""
    own, water, aspirin = (
        molecule_id(Record("chembl", "CHEMBL1"), inchikey) for inchikey in (None, WATER, ASPIRIN)
    )
    ends: list[dict[object, object]] = []
    for day, inchikey in enumerate([None, WATER, ASPIRIN, WATER]):
        told_at = NOON + timedelta(days=day)
        await bring(database, molecule("CHEMBL1", standard_inchi_key=inchikey, fetched_at=told_at))
        redirects = await fetch("SELECT old_id, molecule_id FROM cryoasync.molecule_redirects")
        ends.append({old: new for old, new in redirects})  # noqa: C416 - mypy tells tuples of any length from pairs
    assert ends == [{}, {own: water}, {own: aspirin, water: aspirin}, {own: water, aspirin: water}]


async def test_a_molecule_that_keeps_a_record_is_no_redirect(database: Database, fetch: Fetch) -> None:
    """One of two records leaves: the other one says what the row holds now."""
    await bring(database, compound(1, inchikey=WATER, title="a"), compound(2, inchikey=WATER, title="b"))
    await bring(database, compound(1, inchikey=ASPIRIN, title="c", fetched_at=LATER))
    assert await fetch(MOLECULES) == [(ASPIRIN, "c", None, None), (WATER, "b", None, None)]
    assert await fetch("SELECT * FROM cryoasync.molecule_redirects") == []


async def test_a_link_joins_what_structure_cannot(database: Database, fetch: Fetch) -> None:
    """A record without a structure is the molecule of the lowest CID linked with it; no link overrules a key."""
    await link(fetch, ("CHEMBL1", 30), ("CHEMBL1", 4), ("CHEMBL2", 30))
    await bring(
        database, molecule("CHEMBL1", pref_name="ONE"), molecule("CHEMBL2", standard_inchi_key=ASPIRIN)
    )
    await bring(database, compound(30, inchikey=WATER, title="thirty"))
    assert await fetch(SOURCES) == [
        ("chembl", "CHEMBL1", WATER, "thirty"),
        ("chembl", "CHEMBL2", ASPIRIN, None),
        ("pubchem", "30", WATER, "thirty"),
    ]
    await bring(database, compound(4, inchikey=key_of(4)))
    assert (await fetch(SOURCES))[0] == ("chembl", "CHEMBL1", key_of(4), "ONE")


async def test_links_lead_over_records_without_a_structure(database: Database, fetch: Fetch) -> None:
    """Such records are one molecule, and together that of the first structure that comes."""
    await link(fetch, ("CHEMBL1", 5), ("CHEMBL2", 5), ("CHEMBL2", 6))
    await bring(database, molecule("CHEMBL2"), compound(5, title="five"), molecule("CHEMBL1"))
    assert await fetch(MOLECULES) == [(None, "five", None, None)]
    await bring(database, compound(6, inchikey=WATER))
    assert {entry[2] for entry in await fetch(SOURCES)} == {WATER}
    assert len(await fetch("SELECT * FROM cryoasync.molecule_redirects")) == 1


async def test_the_same_records_again_rewrite_nothing(database: Database, fetch: Fetch) -> None:
    """Not one row version, from either source, with links too."""
    await link(fetch, ("CHEMBL1", 1))
    rows = [compound(cid, inchikey=key_of(cid // 2), title=f"t{cid}") for cid in range(1, 40)]
    rows += [molecule(f"CHEMBL{n}", standard_inchi_key=key_of(n) if n % 3 else None) for n in range(1, 40)]
    await bring(database, *rows)
    before = [await fetch(query) for query in VERSIONS]
    await bring(database, *rows)
    await bring(database, *reversed(rows))
    assert [await fetch(query) for query in VERSIONS] == before


def a_world(rng: random.Random) -> list[Row]:
    """Answers of both sources about few structures: repeated, contradicted by newer ones, some without a structure."""
    rows: list[Row] = []
    for _ in range(60):
        number, told_at = rng.randrange(1, 16), NOON + timedelta(minutes=len(rows))
        key = rng.choice([None, *map(key_of, range(8))])
        if rng.random() < 0.5:
            rows.append(
                compound(
                    number, inchikey=key, title=f"T{number}", smiles=rng.choice("NO"), fetched_at=told_at
                )
            )
        else:
            rows.append(
                molecule(
                    f"CHEMBL{number}", standard_inchi_key=key, pref_name=f"N{number}", fetched_at=told_at
                )
            )
    return rows


async def in_batches(database: Database, rows: Sequence[Row], size: int) -> None:
    """Bring the rows, some at a time; of several about one record in a batch, the newest is last."""
    fetched_at = operator.itemgetter(-2)
    for start in range(0, len(rows), size):
        await bring(database, *sorted(rows[start : start + size], key=lambda row: fetched_at(row.values)))


@pytest.mark.parametrize("seed", range(2))
async def test_any_order_ends_the_same(database: Database, fetch: Fetch, seed: int) -> None:
    """PubChem first, ChEMBL first, mixed, in batches of any size, all at once."""
    rng = random.Random(seed)
    rows = a_world(rng)
    await link(fetch, *{(f"CHEMBL{rng.randrange(1, 16)}", rng.randrange(1, 16)) for _ in range(10)})
    by_source = sorted(rows, key=lambda row: row.table.name)
    ends = []
    for order, size in (
        (by_source, 7),
        (by_source[::-1], 60),
        (rng.sample(rows, 60), 1),
        (rng.sample(rows, 60), 9),
    ):
        await in_batches(database, order, size)
        ends.append(await state(fetch))
        await clear(fetch)
    assert ends[0][0]
    assert all(end == ends[0] for end in ends[1:])


@pytest.mark.parametrize("seed", range(2))
async def test_several_at_once_end_the_same(database: Database, fetch: Fetch, seed: int) -> None:
    """Four writers over the same structures, in orders of their own: none fails, and the end is that of one."""
    rng = random.Random(seed)
    rows = a_world(rng)
    await link(fetch, *{(f"CHEMBL{rng.randrange(1, 16)}", rng.randrange(1, 16)) for _ in range(10)})
    await in_batches(database, rows, 10)
    alone = await state(fetch)
    await clear(fetch)
    of_source = [
        [row for row in rows if row.table.name == name] for name in ("pubchem_compounds", "chembl_molecules")
    ]
    await asyncio.gather(
        *(in_batches(database, rng.sample(one, len(one)), size) for one in of_source for size in (3, 8))
    )
    assert await state(fetch) == alone


async def test_both_ends_of_a_link_at_once_are_joined(database: Database, fetch: Fetch) -> None:
    """Neither sees the other's row before it is committed, so that the second waits for the first."""
    await link(fetch, ("CHEMBL1", 5))
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO cryoasync.pubchem_compounds (cid, inchikey, title, fetched_at, run_id)"
            " VALUES (5, $1, 'five', now(), 1)",
            WATER,
        )
        await enter_records(connection, [Record("pubchem", "5")])
        second = asyncio.create_task(bring(database, molecule("CHEMBL1")))
        while not second.done() and not await connection.fetchval(SOMEBODY_WAITS):  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.01)
    await second
    assert {entry[2] for entry in await fetch(SOURCES)} == {WATER}


async def test_records_older_than_the_table_are_entered(empty_dsn: str) -> None:
    """Those that the migration finds, by several processes at once, each once, as if they came now."""
    rows = [compound(cid, inchikey=key_of(cid), title="t") for cid in range(1, 30)]
    rows += [molecule(f"CHEMBL{n}", standard_inchi_key=key_of(n)) for n in range(20, 40)]
    async with open_database(DatabaseSettings(dsn=empty_dsn)) as database:
        await migrate(database, [step for step in shipped_migrations() if step.number < FIRST_WITH_MOLECULES])
        for table in ("pubchem_compounds", "chembl_molecules"):
            await merge(database, *(row for row in rows if row.table.name == table))
        await migrate(database)
        assert sum(await asyncio.gather(*(enter_backlog(database) for _ in range(3)))) == len(rows)
        assert await enter_backlog(database) == 0
        fetch = fetch_of(database)
        found = await state(fetch)
        await clear(fetch)
        await bring(database, *rows)
        assert await state(fetch) == found
