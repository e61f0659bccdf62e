"""Commits batches, and waits for a database that is out of reach."""

import asyncio
import random
from collections import Counter

import structlog

from cryoasync.control.outage import Outage
from cryoasync.errors import DatabaseUnavailableError
from cryoasync.models import Batch, CommitReport, RunCounts
from cryoasync.ports import BatchStore, Clock

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 15.0

_log = structlog.get_logger(__name__)


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
        patience_seconds: float,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Start from the ``counts`` that are already saved."""
        self.counts = counts
        self.batches = 0
        self.rows = 0
        self.rows_by_table: Counter[str] = Counter()
        self.seconds = 0.0
        self.last_commit_at: float | None = None
        self._store = store
        self._outage = Outage(patience_seconds)
        self._clock = clock
        self._rng = rng

    async def commit(self, batch: Batch) -> CommitReport:
        """Save ``batch``.

        Raises:
            DatabaseUnavailableError: the database was out of reach for longer than the patience.
            RunFencedError: another process has taken the run over.
        """
        tries = 0
        while True:
            try:
                report = await self._store.commit(batch)
            except DatabaseUnavailableError as error:
                self.unavailable(error)
                ceiling = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(tries, 10))
                tries += 1
                await asyncio.sleep(self._rng.uniform(ceiling / 2, ceiling))
                continue
            self._saved(batch, report)
            return report

    def unavailable(self, error: DatabaseUnavailableError) -> None:
        """Note that the database did not answer.

        Raises:
            DatabaseUnavailableError: it has not done so for longer than the patience.
        """
        now = self._clock()
        self._outage.failed(now)
        _log.warning(
            "database out of reach", reason=error.message, seconds=round(self._outage.lasted_seconds(now), 1)
        )
        if self._outage.is_beyond_patience(now):
            raise error

    def available(self) -> None:
        """Note that the database answered."""
        self._outage.succeeded()

    def _saved(self, batch: Batch, report: CommitReport) -> None:
        self.available()
        self.counts = report.counts
        self.batches += 1
        self.rows += report.rows
        self.rows_by_table.update(
            row.table.name for result in batch.results for entry in result.entries for row in entry.rows
        )
        self.seconds += report.seconds
        self.last_commit_at = self._clock()
