"""The store of a run's batches: rows, failures, requests and checkpoint in one transaction."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator
from cryoasync.database.bulk.batch_transaction import BatchTransaction
from cryoasync.database.connection import Connection
from cryoasync.database.molecules.molecules import enter_records, records_of_molecules
from cryoasync.database.runs.hold import fenced_error
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.settlement import RefusedRow, Settlement, settlement_of
from cryoasync.database.runs.spool import storable_text
from cryoasync.database.sql import statement
from cryoasync.models import Attempt, Batch, CommitReport, Entry, Row, RunCounts

_SETTLE_SPANS = statement("settle_spans")
_ADD_COUNTS = statement("add_counts")
_KEEP_OUTCOMES = statement("keep_outcomes")
_KEEP_FAILURES = statement("keep_failures")
_KEEP_REQUESTS = statement("keep_requests")
_NAME_ENTRIES = statement("name_entries")
_FAILED_BEFORE = """
SELECT position
FROM cryoasync.run_outcomes
WHERE run_id = $1 AND position = ANY ($2::bigint[]) AND state = 'failed' AND epoch < $3
ORDER BY position
FOR UPDATE
"""
_FORGET_OUTCOMES = "DELETE FROM cryoasync.run_outcomes WHERE run_id = $1 AND position = ANY ($2::bigint[])"
_RESOLVE_FAILURES = """
UPDATE cryoasync.failures SET resolved_at = now()
WHERE run_id = $1 AND source = $2 AND source_id = ANY ($3::text[]) AND resolved_at IS NULL
"""


class PostgresBatchStore:
    """Commits the batches of one claimed run; see the port ``BatchStore``."""

    def __init__(self, run: Run, operator: BatchDatabaseOperator) -> None:
        """Write for a claimed run, whose epoch is the fence."""
        self._run = run
        self._operator = operator

    async def commit(self, batch: Batch) -> CommitReport:
        """Write the batch in one transaction, in a number of statements that does not grow with it.

        What an earlier commit of the same batch has written is recognised: a span by the checkpoint, a
        retried entry by the epoch of its outcome, a request by its time, a row by its merge statement.

        Raises:
            DatabaseUnavailableError: nothing is known to be written; try again later.
            DatabaseError: nothing is written, and trying again would not help.
            RunFencedError: another process has taken the run over; nothing was written.
        """
        return await self._operator.transact(partial(self._write, batch), is_repeatable=True)

    async def _write(self, batch: Batch, transaction: BatchTransaction) -> CommitReport:
        connection = transaction.connection
        rows = [row for result in batch.results for entry in result.entries for row in entry.rows]
        merged, refused = await self._merge_rows(transaction, rows)
        await enter_records(connection, records_of_molecules(rows))
        # The books come after the rows: their locks, which other processes may wait for, are short then.
        settlement = await self._settle(connection, batch, refused)
        counts = await self._add_counts(connection, settlement.moved())
        await self._name_entries(connection, batch)
        await self._keep_outcomes(connection, settlement)
        await self._keep_failures(connection, settlement)
        await self._keep_requests(connection, batch)
        return CommitReport(counts=counts, rows=merged, refused=len(refused))

    async def _merge_rows(
        self, transaction: BatchTransaction, rows: Sequence[Row]
    ) -> tuple[int, Sequence[RefusedRow]]:
        """Merge table by table in one order, so that two processes cannot lock each other out."""
        merged, refused = 0, []
        for _, of_table in groupby(sorted(rows, key=_table_name), key=_table_name):
            group = list(of_table)
            report = await transaction.merge(group[0].table, [row.values for row in group])
            merged += report.rows
            refused += [RefusedRow(group[each.index], each.message) for each in report.refused]
        return merged, refused

    async def _settle(
        self, connection: Connection, batch: Batch, refused: Sequence[RefusedRow]
    ) -> Settlement:
        spans = [result.chunk.span for result in batch.results if result.chunk.span is not None]
        settled = await connection.fetch(
            _SETTLE_SPANS, self._run.id, [span.start for span in spans], [span.stop for span in spans]
        )
        retried = [
            entry.entry.position
            for result in batch.results
            if result.chunk.span is None
            for entry in result.entries
        ]
        failed = (
            await connection.fetch(_FAILED_BEFORE, self._run.id, retried, self._run.epoch) if retried else []
        )
        return settlement_of(
            batch,
            refused,
            spans_settled_before=[record[0] for record in settled],
            failed_before={record[0] for record in failed},
        )

    async def _add_counts(self, connection: Connection, moved: RunCounts) -> RunCounts:
        """Move the counts; that the row is found under this epoch is the fence."""
        record = await connection.fetchrow(
            _ADD_COUNTS,
            self._run.id,
            self._run.epoch,
            moved.imported,
            moved.not_found,
            moved.invalid,
            moved.failed,
            moved.pending,
        )
        if record is None:
            raise fenced_error(self._run)
        return RunCounts(**dict(record))

    async def _name_entries(self, connection: Connection, batch: Batch) -> None:
        """Keep the ids of entries that were known by their places in a list, and forget failures of the places."""
        named = _renamed(batch)
        if named:
            places, entries = zip(*named, strict=True)
            positions = [entry.position for entry in entries]
            ids = [entry.source_id for entry in entries]
            await connection.execute(_NAME_ENTRIES, self._run.id, positions, ids)
            await connection.execute(_RESOLVE_FAILURES, self._run.id, self._run.source, places)

    async def _keep_outcomes(self, connection: Connection, settlement: Settlement) -> None:
        if kept := settlement.not_imported():
            await connection.execute(
                _KEEP_OUTCOMES,
                self._run.id,
                self._run.epoch,
                [result.entry.position for result in kept],
                [result.entry.source_id for result in kept],
                [result.state for result in kept],
                [None if result.reason is None else storable_text(result.reason) for result in kept],
            )
        if recovered := settlement.recovered():
            await connection.execute(
                _FORGET_OUTCOMES, self._run.id, [result.entry.position for result in recovered]
            )

    async def _keep_failures(self, connection: Connection, settlement: Settlement) -> None:
        if settlement.retried:
            ids = [result.entry.source_id for result in settlement.retried]
            await connection.execute(_RESOLVE_FAILURES, self._run.id, self._run.source, ids)
        if failures := settlement.failures():
            await connection.execute(
                _KEEP_FAILURES,
                self._run.id,
                self._run.source,
                [failure.source_id for failure in failures],
                [failure.kind for failure in failures],
                [storable_text(failure.message) for failure in failures],
                [failure.attempts for failure in failures],
            )

    async def _keep_requests(self, connection: Connection, batch: Batch) -> None:
        attempts = [attempt for result in batch.results for attempt in result.attempts]
        attempts += batch.attempts
        if attempts:
            await connection.execute(_KEEP_REQUESTS, self._run.id, *_columns_of(attempts))


def _table_name(row: Row) -> str:
    return row.table.name


def _renamed(batch: Batch) -> list[tuple[str, Entry]]:
    """Return the entries whose id is another one than they were asked for by, each after that."""
    renamed = []
    for result in batch.results:
        asked_for = {entry.position: entry.source_id for entry in result.chunk.entries}
        for each in result.entries:
            before = asked_for.get(each.entry.position, each.entry.source_id)
            if before != each.entry.source_id:
                renamed.append((before, each.entry))
    return renamed


def _columns_of(attempts: Sequence[Attempt]) -> list[list[object]]:
    return [
        [attempt.endpoint for attempt in attempts],
        [attempt.span.start for attempt in attempts],
        [attempt.span.stop for attempt in attempts],
        [attempt.first_id for attempt in attempts],
        [attempt.last_id for attempt in attempts],
        [attempt.ids for attempt in attempts],
        [attempt.sent_at for attempt in attempts],
        [attempt.seconds for attempt in attempts],
        [attempt.status for attempt in attempts],
        [storable_text(attempt.decision) for attempt in attempts],
    ]
