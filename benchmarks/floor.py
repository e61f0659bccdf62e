"""The least that an import can be: aiohttp, msgspec, COPY and a merge, with nothing around them.

No permits, retries, checkpoint, checks of rows, or requests kept: what answers is written, and anything else
ends it. It fetches the chunks that the import fetches, as many at a time, and writes as many rows in one
transaction with the same statement. Prints one JSON object.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import asyncpg
import msgspec
import uvloop

from cryoasync.sources.pubchem.endpoints import SYNONYMS, property_endpoint
from cryoasync.sources.pubchem.records import PROPERTY_NAMES
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS

CHUNK = 200
WORKERS = 8
BATCH_ROWS = 1000
_QUEUE = 16

_NUMBERS = {"XLogP", "TPSA", "Complexity"}
_DECIMALS = {"MolecularWeight", "ExactMass", "MonoisotopicMass"}


def _type_of(name: str) -> Any:
    if name in _DECIMALS:
        return Decimal
    if name in _NUMBERS:
        return float
    return int if name.endswith(("Count", "Charge")) else str


_PROPERTY_FIELDS: list[tuple[str, Any] | tuple[str, Any, Any]] = [
    ("CID", int),
    *((name, _type_of(name) | None, None) for name in PROPERTY_NAMES),
]
_PropertyRow: Any = msgspec.defstruct("PropertyRow", _PROPERTY_FIELDS, gc=False)
_PropertyTable: Any = msgspec.defstruct("PropertyTable", [("Properties", list[_PropertyRow])])
_PropertyAnswer: Any = msgspec.defstruct("PropertyAnswer", [("PropertyTable", _PropertyTable)])


class SynonymRow(msgspec.Struct, gc=False):
    """A compound's names."""

    CID: int
    Synonym: list[str] = []


class _InformationList(msgspec.Struct):
    Information: list[SynonymRow]


class _SynonymAnswer(msgspec.Struct):
    InformationList: _InformationList


_properties: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_PropertyAnswer)
_synonyms = msgspec.json.Decoder(_SynonymAnswer)

Record = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to import, and where to."""

    base_url: str
    dsn: str
    compounds: int
    synonyms: bool


async def fetch(session: aiohttp.ClientSession, task: Task, cids: Sequence[int]) -> list[Record]:
    """Return the rows of a chunk."""
    form = {"cid": ",".join(map(str, cids))}
    async with session.post(f"{task.base_url}/{property_endpoint(()).path}", data=form) as response:
        rows = _properties.decode(await response.read()).PropertyTable.Properties
    fetched_at = datetime.now(UTC)
    names: dict[int, list[str]] = {}
    if task.synonyms:
        async with session.post(f"{task.base_url}/{SYNONYMS.path}", data=form) as response:
            told = _synonyms.decode(await response.read()).InformationList.Information
        names = {row.CID: row.Synonym for row in told}
    return [(*msgspec.structs.astuple(row), names.get(row.CID), None, fetched_at, 1) for row in rows]


async def write(connection: "asyncpg.Connection[asyncpg.Record]", records: Sequence[Record]) -> None:
    """Copy the records to a staging table and merge them, in one transaction."""
    columns = ", ".join(PUBCHEM_COMPOUNDS.columns)
    async with connection.transaction():
        await connection.execute(
            "CREATE TEMP TABLE staging ON COMMIT DROP AS"
            f" SELECT {columns} FROM cryoasync.pubchem_compounds WITH NO DATA"
        )
        await connection.copy_records_to_table(
            "staging", schema_name="pg_temp", records=records, columns=PUBCHEM_COMPOUNDS.columns
        )
        for statement in PUBCHEM_COMPOUNDS.merge:
            await connection.execute(statement.replace("{staging}", "pg_temp.staging"))


async def fetch_all(
    session: aiohttp.ClientSession,
    task: Task,
    chunks: Iterator[Sequence[int]],
    results: "asyncio.Queue[list[Record]]",
) -> None:
    """Fetch one chunk after the other, until there are no more."""
    for chunk in chunks:
        await results.put(await fetch(session, task, chunk))


async def write_all(
    connection: "asyncpg.Connection[asyncpg.Record]", task: Task, results: "asyncio.Queue[list[Record]]"
) -> None:
    """Write until every compound is there."""
    written = 0
    while written < task.compounds:
        records = await results.get()
        while len(records) < BATCH_ROWS and written + len(records) < task.compounds:
            records += await results.get()
        await write(connection, records)
        written += len(records)


async def run(task: Task) -> float:
    """Import; return the seconds from the first request to the last commit."""
    chunks = iter(
        [
            range(first, min(first + CHUNK, task.compounds + 1))
            for first in range(1, task.compounds + 1, CHUNK)
        ]
    )
    results: asyncio.Queue[list[Record]] = asyncio.Queue(_QUEUE)
    connection = await asyncpg.connect(task.dsn)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WORKERS)) as session:
            started = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                group.create_task(write_all(connection, task, results))
                for _ in range(WORKERS):
                    group.create_task(fetch_all(session, task, chunks, results))
            return time.perf_counter() - started
    finally:
        await connection.close()


def main() -> None:
    """Import what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--compounds", type=int, required=True)
    parser.add_argument("--synonyms", action=argparse.BooleanOptionalAction, default=True)
    task = Task(**vars(parser.parse_args()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps({"imported": task.compounds, "work_seconds": runner.run(run(task))}))


if __name__ == "__main__":
    main()
