"""What molecules cost a batch, and whether that stays the same with a million of them.

Batches of PubChem's compounds are committed in turn to an empty database, and to one with as many molecules as asked
for: so that both meet the same hours of the machine. They begin right after a checkpoint, when every page that is
touched is logged as a whole. Now and then a batch is written to the empty one without its molecules, and one of
ChEMBL's to the full one, half of whose records are molecules that are there.

The indexes that a large first load does without are deferred, as in one; with --keep-indexes they are there, as in an
import that adds to what is there.

Run: ``python -m benchmarks.bench_molecules --molecules 1000000 --batches 200``.
"""

import argparse
import asyncio
import hashlib
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any

from benchmarks.molecules import fill_pubchem
from benchmarks.postgres import execute, postgres_at
from benchmarks.report import print_report, say
from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator
from cryoasync.database.bulk.batch_transaction import BatchTransaction
from cryoasync.database.bulk.deferred_indexes import DeferredIndexes
from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.molecules.backlog import enter_backlog
from cryoasync.database.molecules.molecules import enter_records, records_of_molecules
from cryoasync.models import Row
from cryoasync.service.bulk_load import INDEXES
from cryoasync.sources.chembl.table import CHEMBL_MOLECULES
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS

_ROWS = 1_000
_SELDOM = 10
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"ABCDEFGHIJKLMNOP")
_NOW = datetime.now(UTC)


def inchikey(cid: int) -> str:
    """Return the key that ``fill_pubchem`` gives to a CID."""
    letters = (
        hashlib.md5(str(cid).encode(), usedforsecurity=False)
        .hexdigest()
        .encode()
        .translate(_LETTERS)
        .decode()
    )
    return f"{letters[:14]}-{letters[-8:].upper()}SA-N"


def compounds(cids: Sequence[int]) -> list[Row]:
    """Return rows as an import brings them."""
    given: dict[str, Any] = {
        "smiles": "CC(=O)N" * 5,
        "connectivity_smiles": "CC(=O)N" * 5,
        "inchi": "InChI=1S/" + "C20H21N5O5/c1-2" * 6,
        "iupac_name": "N-(2-acetamidophenyl)acetamide" * 2,
        "molecular_formula": "C20H21N5O5",
        "molecular_weight": Decimal("411.41"),
        "xlogp": 1.5,
        "tpsa": 88.5,
        "charge": 0,
        "heavy_atom_count": 30,
        "synonyms": [f"a name of medium length {number}" for number in range(8)],
        "fetched_at": _NOW,
        "run_id": 1,
    }
    return [
        Row(
            table=PUBCHEM_COMPOUNDS,
            source_id=str(cid),
            values=tuple(
                (given | {"cid": cid, "title": f"compound {cid}", "inchikey": inchikey(cid)}).get(column)
                for column in PUBCHEM_COMPOUNDS.columns
            ),
        )
        for cid in cids
    ]


def chembl_molecules(numbers: Sequence[int], structures: Sequence[int]) -> list[Row]:
    """Return rows of ChEMBL's with the structures of some CIDs."""
    return [
        Row(
            table=CHEMBL_MOLECULES,
            source_id=f"CHEMBL{number}",
            values=tuple(
                {
                    "chembl_id": f"CHEMBL{number}",
                    "pref_name": f"MOLECULE {number}",
                    "canonical_smiles": "CC(=O)N" * 5,
                    "standard_inchi_key": inchikey(cid),
                    "full_molformula": "C20H21N5O5",
                    "fetched_at": _NOW,
                    "run_id": 1,
                }.get(column)
                for column in CHEMBL_MOLECULES.columns
            ),
        )
        for number, cid in zip(numbers, structures, strict=True)
    ]


async def seconds_of(database: Database, rows: Sequence[Row], *, with_molecules: bool = True) -> float:
    """Commit a batch and return how long it took."""
    operator = BatchDatabaseOperator(database)

    async def work(transaction: BatchTransaction) -> None:
        await transaction.merge(rows[0].table, [row.values for row in rows])
        if with_molecules:
            await enter_records(transaction.connection, records_of_molecules(rows))

    started = time.perf_counter()
    await operator.transact(work)
    return time.perf_counter() - started


async def bench(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fill one of two databases, then commit to both in turn."""
    async with (
        postgres_at(arguments.dsn) as postgres,
        postgres.fresh_database() as empty_dsn,
        postgres.fresh_database() as full_dsn,
        open_database(DatabaseSettings(dsn=empty_dsn)) as empty,
        open_database(DatabaseSettings(dsn=full_dsn)) as full,
    ):
        if not arguments.keep_indexes:
            for database in (empty, full):
                await DeferredIndexes(database=database, indexes=INDEXES).defer()
        started = time.perf_counter()
        for first in range(1, arguments.molecules + 1, 100_000):
            await fill_pubchem(full_dsn, first, min(first + 99_999, arguments.molecules))
            await enter_backlog(full)
            say(f"{first:,}: {time.perf_counter() - started:.0f} s")
        await execute(full_dsn, "CHECKPOINT")
        return await _in_turn(empty, full, arguments)


async def _in_turn(empty: Database, full: Database, arguments: argparse.Namespace) -> dict[str, Any]:
    rng = random.Random(1)
    at_start: list[float] = []
    with_many: list[float] = []
    without: list[float] = []
    of_chembl: list[float] = []
    cid = arguments.molecules + 1
    # The first batch of each prepares the statements.
    for number in range(-1, arguments.batches):
        rows = compounds(range(cid, cid + _ROWS))
        cid += _ROWS
        pair = (await seconds_of(empty, rows), await seconds_of(full, rows))
        if number >= 0:
            at_start.append(pair[0])
            with_many.append(pair[1])
        if number >= 0 and number % _SELDOM == 0:
            without.append(await seconds_of(empty, compounds(range(cid, cid + _ROWS)), with_molecules=False))
            known = rng.sample(range(1, arguments.molecules), _ROWS // 2)
            structures = [*known, *range(cid, cid + _ROWS - len(known))]
            of_chembl.append(await seconds_of(full, chembl_molecules(range(cid, cid + _ROWS), structures)))
            cid += _ROWS
    return {
        "rows_per_second": {
            "at_the_start": round(_ROWS * len(at_start) / sum(at_start)),
            "with_many_molecules": round(_ROWS * len(with_many) / sum(with_many)),
            "without_molecules": round(_ROWS / median(without)),
            "of_chembl_with_many_molecules": round(_ROWS / median(of_chembl)),
        },
        "many_to_start": round(sum(at_start) / sum(with_many), 3),
        "many_to_start_in_the_first_ten_batches_after_a_checkpoint": round(
            sum(at_start[:10]) / sum(with_many[:10]), 3
        ),
        "with_to_without_molecules": round(median(without) / median(at_start), 3),
        "milliseconds_more_for_a_batch_of_1000": round(1000 * (median(at_start) - median(without)), 1),
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--keep-indexes", action="store_true")
    parser.add_argument("--dsn", help="a server on which databases may be made; else an embedded one")
    arguments = parser.parse_args()
    print_report("molecules", vars(arguments), asyncio.run(bench(arguments)))


if __name__ == "__main__":
    main()
