"""A database with a run in it, for commands that look into one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from cryoasync.database.connection import Database, DatabaseSettings, open_database
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.spool import SpooledEntry
from cryoasync.models import Batch, EntryState, FailureKind, Span
from tests.integration.database.builders import (
    NOON,
    attempt,
    chunk_result,
    compound,
    descriptors,
    entry_result,
    failure,
    repository,
    restarted,
    started_run,
    store_of,
)

_Result = TypeVar("_Result")

ASPIRIN_KEY = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


def with_database(dsn: str, work: Callable[[Database], Awaitable[_Result]]) -> _Result:
    """Do something with an open database, and return what it gives."""

    async def run() -> _Result:
        async with open_database(DatabaseSettings(dsn=dsn)) as database:
            return await work(database)

    return asyncio.run(run())


async def mixed_run(database: Database) -> Run:
    """A run of six entries that stopped: 1 and 2 imported, 3 not found, 4 failed, an invalid line, 6 pending.

    It is returned with nobody at work on it.
    """
    spooled = [SpooledEntry(source_id=str(cid), line=cid) for cid in range(1, 5)]
    spooled.append(SpooledEntry("abc", 5, EntryState.INVALID, "list.txt, line 5: not a number"))
    spooled.append(SpooledEntry("6", 6))
    run = await started_run(database, spooled)
    aspirin = compound(
        1,
        title="A, with a comma",
        inchikey=ASPIRIN_KEY,
        molecular_weight=Decimal("180.160"),
        xlogp=1.2,
        synonyms=["β-form", 'with "quotes"'],
        extra={"Fingerprint2D": "x"},
    )
    results = (
        entry_result(0, rows=[aspirin, descriptors(NOON)]),
        entry_result(1),
        entry_result(2, EntryState.NOT_FOUND, reason="asked for alone, twice"),
        entry_result(3, EntryState.FAILED, reason="too heavy", failures=[failure(3, FailureKind.POISON)]),
    )
    chunk = chunk_result(*results, span=Span(start=0, stop=5), attempts=[replace(attempt(0, 4), status=200)])
    await store_of(database, run).commit(Batch(results=[chunk]))
    return await repository(database).get(str(run.id))


async def running_run(database: Database) -> Run:
    """The same run, which this process says it works on."""
    return await restarted(database, await mixed_run(database))
