"""Rows, chunks, batches and runs for the tests of the database."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator, BatchLimits
from cryoasync.database.bulk.batch_transaction import BatchTransaction, Merged
from cryoasync.database.connection import Database
from cryoasync.database.molecules.molecules import enter_records, records_of_molecules
from cryoasync.database.runs.checkpoint import PostgresBatchStore
from cryoasync.database.runs.owner import this_process
from cryoasync.database.runs.record import Run, run_key
from cryoasync.database.runs.repository import RunRepository
from cryoasync.database.runs.spool import Spool, SpooledEntry
from cryoasync.models import (
    Attempt,
    Batch,
    Chunk,
    ChunkResult,
    Entry,
    EntryResult,
    EntryState,
    Failure,
    FailureKind,
    Row,
    RunIdentity,
    RunStatus,
    Span,
)
from cryoasync.sources.chembl.table import CHEMBL_MOLECULES
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS
from tests.conftest import Fetch

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
EARLIER = NOON - timedelta(hours=1)

IDENTITY = RunIdentity(
    source="pubchem",
    base_url="http://localhost:1/",
    input_digest="0" * 64,
    settings={"synonyms": True},
    name="trial",
)


def compound(cid: int, **values: Any) -> Row:
    """A row of pubchem_compounds; what is not given is NULL."""
    given = {"cid": cid, "fetched_at": NOON, "run_id": 1, **values}
    return Row(
        table=PUBCHEM_COMPOUNDS,
        source_id=str(cid),
        values=tuple(given.get(column) for column in PUBCHEM_COMPOUNDS.columns),
    )


def molecule(chembl_id: str, **values: Any) -> Row:
    """A row of chembl_molecules; what is not given is NULL."""
    given = {"chembl_id": chembl_id, "fetched_at": NOON, "run_id": 1, **values}
    return Row(
        table=CHEMBL_MOLECULES,
        source_id=chembl_id,
        values=tuple(given.get(column) for column in CHEMBL_MOLECULES.columns),
    )


def entry_result(
    position: int,
    state: EntryState = EntryState.IMPORTED,
    *,
    rows: Sequence[Row] | None = None,
    failures: Sequence[Failure] = (),
    reason: str | None = None,
) -> EntryResult:
    """An entry whose id is its position plus one, with a row where it was imported."""
    cid = position + 1
    if rows is None:
        rows = [compound(cid)] if state is EntryState.IMPORTED else []
    return EntryResult(
        entry=Entry(position=position, source_id=str(cid)),
        state=state,
        reason=reason,
        rows=tuple(rows),
        failures=tuple(failures),
    )


def chunk_result(
    *entries: EntryResult, retried: bool = False, span: Span | None = None, attempts: Sequence[Attempt] = ()
) -> ChunkResult:
    """A chunk of the entries given, whose span reaches from the first to the last."""
    if span is None and not retried:
        span = Span(start=entries[0].entry.position, stop=entries[-1].entry.position + 1)
    chunk = Chunk(number=1, entries=tuple(entry.entry for entry in entries), span=span)
    return ChunkResult(chunk=chunk, entries=entries, attempts=tuple(attempts))


def batch_of(*entries: EntryResult, retried: bool = False) -> Batch:
    """A batch of one chunk."""
    return Batch(results=[chunk_result(*entries, retried=retried)])


def attempt(start: int, stop: int) -> Attempt:
    """A request for the entries from ``start`` to ``stop``."""
    return Attempt(
        endpoint="property",
        span=Span(start=start, stop=stop),
        first_id=str(start + 1),
        last_id=str(stop),
        ids=stop - start,
        sent_at=NOON + timedelta(seconds=start),
        seconds=0.25,
        status=200,
        decision="ok",
    )


def entries(count: int) -> list[SpooledEntry]:
    """Entries 1 to ``count``, as they come from a file."""
    return [SpooledEntry(source_id=str(cid), line=cid) for cid in range(1, count + 1)]


async def in_pages(*pages: Sequence[SpooledEntry]) -> AsyncIterator[Sequence[SpooledEntry]]:
    """The pages given, one after the other."""
    for page in pages:
        yield page


def repository(database: Database) -> RunRepository:
    """The runs as this process sees them."""
    return RunRepository(database, this_process())


async def started_run(database: Database, spooled: Sequence[SpooledEntry] | int = 10) -> Run:
    """A run that was created and claimed, and that nobody owns any more."""
    pages = in_pages(entries(spooled) if isinstance(spooled, int) else spooled)
    async with repository(database).hold(run_key(IDENTITY)) as hold:
        run = await hold.claim(await hold.create(IDENTITY, Spool(pages=pages)))
        await hold.finish(RunStatus.STOPPED)
        return run


async def restarted(database: Database, run: Run) -> Run:
    """The run, started again."""
    async with repository(database).hold(run.run_key, takeover=True) as hold:
        return await hold.claim(run)


async def bring(database: Database, *rows: Row) -> None:
    """Merge rows, one table after the other, and enter their molecules, in a transaction of their own."""

    async def work(transaction: BatchTransaction) -> None:
        for name in sorted({row.table.name for row in rows}):
            of_table = [row for row in rows if row.table.name == name]
            await transaction.merge(of_table[0].table, [row.values for row in of_table])
        await enter_records(transaction.connection, records_of_molecules(rows))

    await operator_of(database).transact(work)


async def merge(database: Database, *rows: Row) -> Merged:
    """Merge rows of one table in a transaction of their own."""
    return await operator_of(database).transact(
        lambda transaction: transaction.merge(rows[0].table, [row.values for row in rows])
    )


def operator_of(database: Database, retry_seconds: float = 0.0) -> BatchDatabaseOperator:
    """An operator that tries again for so long."""
    return BatchDatabaseOperator(database, BatchLimits(retry_seconds=retry_seconds))


def descriptors(computed_at: datetime, **values: object) -> Row:
    """A row of rdkit_descriptors for CID 1."""
    given = {
        "source": "pubchem",
        "source_id": "1",
        "rdkit_version": "2026.09.1",
        "computed_at": computed_at,
        **values,
    }
    return Row(
        table=RDKIT_DESCRIPTORS,
        source_id="1",
        values=tuple(given.get(column) for column in RDKIT_DESCRIPTORS.columns),
    )


def store_of(database: Database, run: Run) -> PostgresBatchStore:
    """A store of the run that tries nothing again."""
    return PostgresBatchStore(run, operator_of(database))


def failure(position: int, kind: FailureKind = FailureKind.POISON, message: str = "no") -> Failure:
    """A failure of the entry at a position, after two attempts."""
    return Failure(source_id=str(position + 1), kind=kind, message=message, attempts=2)


async def states(fetch: Fetch) -> list[object]:
    """The states of all entries, in order."""
    return [state for (state,) in await fetch("SELECT state FROM cryoasync.run_entries ORDER BY position")]
