"""Rows into tables of PostgreSQL in batches: each in one transaction, as large as is best, and known to be written."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from cryoasync.control.writes.batch_size import BatchSizeTuner
from cryoasync.control.writes.write_pace import WritePace
from cryoasync.database.bulk.batch_limits import BatchLimits
from cryoasync.database.bulk.batch_transaction import BatchTransaction, Merged, RowRefusedError
from cryoasync.database.bulk.bulk_report import BulkReport
from cryoasync.database.bulk.exact_transaction import ExactTransactions
from cryoasync.database.bulk.row_batches import Rows, batches
from cryoasync.database.bulk.server_pressure import look_at
from cryoasync.database.bulk.table_statements import OnConflict, Target, alteration, insertion, table_name
from cryoasync.database.bulk.table_types import TableTypes
from cryoasync.database.bulk.write_meter import WriteMeter
from cryoasync.database.connection import Connection, Database
from cryoasync.database.error_translation import is_conflict
from cryoasync.database.pool.queue import Priority
from cryoasync.errors import DatabaseError, DatabaseUnavailableError
from cryoasync.models import StagedTable, WriteStatistics

__all__ = ["BatchDatabaseOperator", "BatchLimits", "BulkReport", "OnConflict"]

_LOOK_SECONDS = 1.0

_Result = TypeVar("_Result")


class BatchDatabaseOperator:
    """Writes rows of any table in transactions whose size it finds out by itself.

    A transaction is tried again where that helps (a deadlock, a lost connection, a server that restarts) and
    written once all the same; a row that cannot be written costs itself alone. Where others wait for its locks or
    for the server's log, it takes smaller steps and pauses.
    """

    def __init__(
        self,
        database: Database,
        limits: BatchLimits | None = None,
        *,
        priority: Priority = Priority.WORK,
        rng: random.Random | None = None,
    ) -> None:
        """Write to an open database, over connections taken with ``priority``; ``rng`` draws the jitter of retries."""
        limits = limits or BatchLimits()
        self._most_bytes = limits.most_bytes
        self._keeps_session = not database.transaction_pooler
        self._clock = asyncio.get_running_loop().time
        self._types = TableTypes()
        self._tuner = BatchSizeTuner(limits.start_rows, limits.fewest_rows, limits.most_rows)
        self._pace = WritePace()
        self._meter = WriteMeter()
        self._looked_at = -_LOOK_SECONDS
        self._resume_at = 0.0
        self._transactions = ExactTransactions(
            database,
            priority=priority,
            retry_seconds=limits.retry_seconds,
            retries_outages=limits.retries_outages,
            on_retry=self._note_retry,
            clock=self._clock,
            rng=rng or random.Random(),
        )

    async def bulk_insert(
        self,
        table: str | tuple[str, str],
        columns: Sequence[str],
        values: Rows,
        *,
        on_conflict: OnConflict | None = None,
    ) -> BulkReport:
        """Insert rows, batch by batch.

        Without ``on_conflict`` a row whose key is there already is refused.

        Args:
            table: ``"name"``, ``"schema.name"``, or ``("schema", "name")``.
            columns: of each row, in the order of its values.
            values: rows, from any iterable, also an asynchronous one; no more than a batch is kept in memory.
            on_conflict: what becomes of rows whose key is in the table.

        Raises:
            ValueError: the columns do not fit ``on_conflict``.
            DatabaseError: the batches before are written, this one and those after it are not.
            CommitUnknownError: of this batch nobody knows.
        """
        target = await self._target(table, columns)
        return await self._write_all(insertion(target, on_conflict), values)

    async def bulk_update(
        self, table: str | tuple[str, str], columns: Sequence[str], values: Rows, condition_column: str
    ) -> BulkReport:
        """Update the rows that have the same value in ``condition_column``, batch by batch.

        Rows that are not there, or that would not change, are left alone. Arguments and errors are those of
        :meth:`bulk_insert`.
        """
        target = await self._target(table, columns)
        return await self._write_all(alteration(target, condition_column), values)

    def optimize_batch_size(self) -> int:
        """Return how many rows the next transaction best has, by all that were committed so far."""
        return self._tuner.size

    def get_stats(self) -> WriteStatistics:
        """Return what was written, and how long it took."""
        return self._meter.statistics(self._tuner.size)

    async def transact(
        self, work: Callable[[BatchTransaction], Awaitable[_Result]], *, is_repeatable: bool = False
    ) -> _Result:
        """Return what ``work`` gives, once all it did in its transaction is committed.

        It may be called again: see :meth:`ExactTransactions.run`, whose errors these are.
        """
        await asyncio.sleep(max(0.0, self._resume_at - self._clock()))
        try:
            try:
                return await self._run(work, is_careful=False, is_repeatable=is_repeatable)
            except RowRefusedError:
                return await self._run(work, is_careful=True, is_repeatable=is_repeatable)
        except DatabaseError:
            # It may be that a table is no longer as the catalogue said.
            self._types.forget()
            raise

    async def _run(
        self,
        work: Callable[[BatchTransaction], Awaitable[_Result]],
        *,
        is_careful: bool,
        is_repeatable: bool,
    ) -> _Result:
        async def attempt(connection: Connection) -> tuple[_Result, BatchTransaction, float]:
            began_at = self._clock()
            batch = BatchTransaction(
                connection, self._types, keeps_session=self._keeps_session, is_careful=is_careful
            )
            result = await work(batch)
            if began_at - self._looked_at >= _LOOK_SECONDS:
                await self._look(connection)
            return result, batch, began_at

        asked_at = self._clock()
        result, batch, began_at = await self._transactions.run(attempt, is_repeatable=is_repeatable)
        ended_at = self._clock()
        self._meter.committed(batch, ended_at - asked_at)
        if batch.rows:
            self._tuner.limit(self._most_bytes * batch.rows / batch.bytes)
        if not is_careful:
            self._tuner.record(batch.rows, ended_at - began_at)
        self._resume_at = ended_at + self._pace.pause_after(ended_at - began_at)
        return result

    async def _look(self, connection: Connection) -> None:
        """See whether others wait for the locks that are held, or for the log."""
        self._looked_at = self._clock()
        waiting = await look_at(connection)
        self._pace.record(is_pressed=waiting.is_pressed)
        if waiting.for_our_locks:
            self._tuner.record_conflict()

    def _note_retry(self, error: DatabaseUnavailableError) -> None:
        self._meter.retries += 1
        if is_conflict(error):
            self._tuner.record_conflict()

    async def _target(self, table: str | tuple[str, str], columns: Sequence[str]) -> Target:
        schema, name = table_name(table)
        self._types.forget()

        async def types(connection: Connection) -> tuple[str, ...]:
            return await self._types.of(connection, schema, name, tuple(columns))

        known = await self._transactions.run(types, is_repeatable=True)
        return Target(schema=schema, name=name, columns=tuple(columns), types=known)

    async def _write_all(self, table: StagedTable, values: Rows) -> BulkReport:
        report, begun = BulkReport(), 0
        async for rows in batches(values, self.optimize_batch_size):
            report = report.with_batch(await self.transact(partial(_merged, table, rows)), begun)
            begun += len(rows)
        return report


async def _merged(table: StagedTable, rows: Sequence[Sequence[Any]], batch: BatchTransaction) -> Merged:
    return await batch.merge(table, rows)
