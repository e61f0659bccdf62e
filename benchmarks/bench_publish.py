"""What it takes to publish molecules into CryoProtect's tables, beside a bare INSERT and a row at a time.

The bare INSERT … SELECT writes the rows that were published, from a table that holds nothing else, into tables of the
same kind. A row at a time is how an importer without sets does it: each property type looked up by its name, each
value inserted by a statement and transaction of its own; it writes a part of the molecules, and its rate is compared.

Run: ``python -m benchmarks.bench_publish --molecules 100000 --rounds 3``.
"""

import argparse
import asyncio
import time
from statistics import median
from typing import Any

import asyncpg

from benchmarks.molecules import fill_pubchem
from benchmarks.postgres import postgres_at, value
from benchmarks.report import print_report, say
from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.cryoprotect.publication import CryoProtectTables, Published
from cryoasync.database.molecules.backlog import enter_backlog

_ROW_AT_A_TIME_MOLECULES = 500
_KEEP_ROWS = """
CREATE TABLE kept_molecules AS SELECT id, cid, name, smiles, molecular_formula, inchikey FROM published.molecules;
CREATE TABLE kept_properties AS
SELECT p.molecule_id, p.property_type_id, t.name, p.numeric_value, p.text_value, p.boolean_value
FROM published.molecular_properties AS p JOIN published.property_types AS t ON t.id = p.property_type_id
ORDER BY p.molecule_id, p.property_type_id;
VACUUM ANALYZE kept_molecules, kept_properties
"""
_BARE = (
    """
INSERT INTO bare.molecules (id, cid, name, smiles, molecular_formula, inchikey)
SELECT * FROM kept_molecules ORDER BY id
""",
    """
INSERT INTO bare.molecular_properties (molecule_id, property_type_id, numeric_value, text_value, boolean_value)
SELECT molecule_id, t.id, numeric_value, text_value, boolean_value
FROM kept_properties JOIN bare.property_types AS t USING (name)
ORDER BY molecule_id, t.id
""",
)
_VERSIONS = """
SELECT sum(hashtext(id::text || xmin::text)::bigint) FROM (
    SELECT id, xmin FROM published.molecules UNION ALL SELECT id, xmin FROM published.molecular_properties
) AS rows
"""


async def bench(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every way in every round, in a database of its own."""
    rounds = []
    async with postgres_at(arguments.dsn) as postgres:
        for number in range(1, arguments.rounds + 1):
            async with (
                postgres.fresh_database() as dsn,
                open_database(DatabaseSettings(dsn=dsn, command_timeout_seconds=600.0)) as database,
            ):
                rounds.append(await _round(database, dsn, arguments.molecules))
            say(f"round {number} of {arguments.rounds}: {rounds[-1]}")
    return {
        "rows": rounds[0]["rows"],
        "bare_rows_per_second": round(median(each["bare"] for each in rounds)),
        "publish_rows_per_second": round(median(each["publish"] for each in rounds)),
        "row_at_a_time_rows_per_second": round(median(each["row_at_a_time"] for each in rounds)),
        "publish_to_bare": round(median(each["publish"] / each["bare"] for each in rounds), 3),
        "publish_to_row_at_a_time": round(
            median(each["publish"] / each["row_at_a_time"] for each in rounds), 1
        ),
        "seconds_to_publish_again": round(median(each["again_seconds"] for each in rounds), 2),
        "rows_rewritten_by_publishing_again": max(each["rewritten"] for each in rounds),
    }


async def _round(database: Database, dsn: str, molecules: int) -> dict[str, float]:
    await fill_pubchem(dsn, 1, molecules)
    await enter_backlog(database)
    await _vacuum(dsn)
    await CryoProtectTables.opened(database, "bare")
    tables, _ = await CryoProtectTables.opened(database, "published")
    first, seconds = await _published(tables, database)
    rows = first.molecules_inserted + first.properties_inserted
    versions = await value(dsn, _VERSIONS)
    again, again_seconds = await _published(tables, database)
    if versions != await value(dsn, _VERSIONS):
        raise SystemExit("Publishing again has rewritten rows.")
    await _script(dsn, _KEEP_ROWS)
    bare_seconds = await _bare(dsn)
    return {
        "rows": rows,
        "publish": rows / seconds,
        "bare": rows / bare_seconds,
        "again_seconds": again_seconds,
        "rewritten": again.molecules_updated + again.properties_updated,
        "row_at_a_time": await _row_at_a_time(dsn),
    }


async def _published(tables: CryoProtectTables, database: Database) -> tuple[Published, float]:
    started = time.perf_counter()
    return await tables.publish(database), time.perf_counter() - started


async def _bare(dsn: str) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CHECKPOINT")
        started = time.perf_counter()
        async with connection.transaction():
            for statement in _BARE:
                await connection.execute(statement, timeout=600)
        return time.perf_counter() - started
    finally:
        await connection.close()


async def _row_at_a_time(dsn: str) -> float:
    """Return the rows a second, of some molecules."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("TRUNCATE bare.molecules CASCADE")
        molecules = await connection.fetch("SELECT * FROM kept_molecules LIMIT $1", _ROW_AT_A_TIME_MOLECULES)
        values = {
            molecule["id"]: await connection.fetch(
                "SELECT * FROM kept_properties WHERE molecule_id = $1", molecule["id"]
            )
            for molecule in molecules
        }
        started, rows = time.perf_counter(), 0
        for molecule in molecules:
            await connection.execute(
                "INSERT INTO bare.molecules (id, cid, name, smiles, molecular_formula, inchikey)"
                " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (cid) DO UPDATE SET name = excluded.name",
                *molecule.values(),
            )
            for row in values[molecule["id"]]:
                type_id = await connection.fetchval(
                    "SELECT id FROM bare.property_types WHERE name = $1", row["name"]
                )
                await connection.execute(
                    "INSERT INTO bare.molecular_properties (molecule_id, property_type_id, numeric_value, text_value)"
                    " VALUES ($1, $2, $3, $4) ON CONFLICT (molecule_id, property_type_id)"
                    " DO UPDATE SET numeric_value = excluded.numeric_value, text_value = excluded.text_value",
                    *(molecule["id"], type_id, row["numeric_value"], row["text_value"]),
                )
            rows += 1 + len(values[molecule["id"]])
        return rows / (time.perf_counter() - started)
    finally:
        await connection.close()


async def _vacuum(dsn: str) -> None:
    await _script(dsn, "VACUUM ANALYZE; CHECKPOINT")


async def _script(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in script.split(";"):
            await connection.execute(statement, timeout=600)
    finally:
        await connection.close()


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dsn", help="a server on which databases may be made; else an embedded one")
    arguments = parser.parse_args()
    print_report("publish", vars(arguments), asyncio.run(bench(arguments)))


if __name__ == "__main__":
    main()
