"""Gathers results into batches, by size or by age, and hands them to the checkpoint."""

import asyncio
from collections.abc import AsyncIterator, Callable

from cryoasync.models import Batch, ChunkResult
from cryoasync.pipeline.channel import Channel, EndOfChannel
from cryoasync.pipeline.checkpoint import CheckpointManager
from cryoasync.ports import Clock


class ResultCollector:
    """The last stage: whatever it has received is committed before it ends."""

    def __init__(
        self,
        checkpoints: CheckpointManager,
        *,
        batch_rows: Callable[[], int],
        batch_age_seconds: float,
        clock: Clock,
    ) -> None:
        """Commit a batch of as many rows as ``batch_rows`` gives then, or one that is ``batch_age_seconds`` old."""
        self._checkpoints = checkpoints
        self._batch_rows = batch_rows
        self._batch_age_seconds = batch_age_seconds
        self._clock = clock

    async def run(self, results: Channel[ChunkResult]) -> None:
        """Commit until the results end; errors are those of :meth:`CheckpointManager.commit`."""
        async for batch in self._batches(results):
            await self._checkpoints.commit(batch)

    async def _batches(self, results: Channel[ChunkResult]) -> AsyncIterator[Batch]:
        async for first in results:
            batch = [first]
            due_at = self._clock() + self._batch_age_seconds
            rows, wanted = _rows_in(first), self._batch_rows()
            while rows < wanted:
                try:
                    async with asyncio.timeout_at(due_at):
                        batch.append(await results.receive())
                except (TimeoutError, EndOfChannel):
                    break
                rows += _rows_in(batch[-1])
            yield Batch(results=tuple(batch))


def _rows_in(result: ChunkResult) -> int:
    """Return how many rows a result brings; an entry without any is written down as well."""
    return sum(max(1, len(entry.rows)) for entry in result.entries)
