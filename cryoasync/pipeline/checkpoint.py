"""Commits batches, and knows how far the run is saved."""

from collections import Counter

from cryoasync.models import Batch, CommitReport, FailureKind, RunCounts
from cryoasync.pipeline.database_patience import DatabasePatience
from cryoasync.ports import BatchStore, BatchWriter, Clock


class CheckpointManager:
    """Knows how far the run is saved.

    A batch whose commit ended without an answer is committed again, which the store makes harmless. While the
    database is out of reach the batch is kept and nothing more is taken, so that fetching pauses by itself.
    """

    def __init__(
        self,
        store: BatchStore,
        counts: RunCounts,
        *,
        patience: DatabasePatience,
        clock: Clock,
        writer: BatchWriter | None = None,
    ) -> None:
        """Start from the ``counts`` that are already saved; ``writer`` is what the store writes through, if it does."""
        self.counts = counts
        self.rows_by_table: Counter[str] = Counter()
        self.failures: Counter[FailureKind] = Counter()
        self.last_commit_at: float | None = None
        self.writer = writer
        self._store = store
        self._patience = patience
        self._clock = clock

    async def commit(self, batch: Batch) -> CommitReport:
        """Save ``batch``.

        Raises:
            DatabaseUnavailableError: the database was out of reach for longer than the patience.
            RunFencedError: another process has taken the run over.
        """
        report = await self._patience.keep_trying(lambda: self._store.commit(batch))
        self._saved(batch, report)
        return report

    def _saved(self, batch: Batch, report: CommitReport) -> None:
        self.counts = report.counts
        entries = [entry for result in batch.results for entry in result.entries]
        self.rows_by_table.update(row.table.name for entry in entries for row in entry.rows)
        self.failures.update(failure.kind for entry in entries for failure in entry.failures)
        self.failures[FailureKind.REJECTED_BY_DATABASE] += report.refused
        self.last_commit_at = self._clock()
