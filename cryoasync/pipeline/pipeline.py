"""The stages of a run, and how they end: the whole flow on one screen."""

import asyncio
from dataclasses import dataclass

from cryoasync.models import Chunk
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.chunk_generator import ChunkGenerator
from cryoasync.pipeline.result_collector import ResultCollector
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.pipeline.worker_pool import WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLimits:
    """Sizes and times.

    Attributes:
        chunk_queue_size: chunks that wait for a worker.
        stop_grace_seconds: what the chunks in hand have after a stop was asked for.
        commit_grace_seconds: what the last commit has on top of that.
        stuck_after_seconds: a step of a worker that takes longer is interrupted.
    """

    chunk_queue_size: int
    stop_grace_seconds: float
    commit_grace_seconds: float = 1.0
    stuck_after_seconds: float


async def run_pipeline(
    generator: ChunkGenerator,
    pool: WorkerPool,
    collector: ResultCollector,
    stop: StopRequest,
    limits: PipelineLimits,
) -> None:
    """Move every pending entry through the stages, until none is left or ``stop`` is asked for.

    A stage that dies takes the others with it and its error out of here; a stop drains instead: no more
    chunks, the ones in hand within their grace, then the last commit.

    Raises:
        CryoasyncError: what made the stop, where it was an error.
        ExceptionGroup: what a stage died of.
    """
    chunks: Channel[Chunk] = Channel(limits.chunk_queue_size)
    async with asyncio.TaskGroup() as side_tasks:
        watch = side_tasks.create_task(pool.watch(limits.stuck_after_seconds), name="health-check")
        end = asyncio.timeout(None)
        deadline = side_tasks.create_task(_end_after_stop(stop, end, limits), name="stop-deadline")
        try:
            async with end, asyncio.TaskGroup() as stages:
                stages.create_task(generator.feed(chunks, stop), name="chunk-generator")
                stages.create_task(
                    pool.run(chunks, stop, grace_seconds=limits.stop_grace_seconds), name="worker-pool"
                )
                stages.create_task(collector.run(pool.results), name="result-collector")
        except TimeoutError:
            if not end.expired():
                raise
        watch.cancel()
        deadline.cancel()
    if stop.error is not None:
        raise stop.error


async def _end_after_stop(stop: StopRequest, end: asyncio.Timeout, limits: PipelineLimits) -> None:
    """Bound what is left to do after a stop, whatever hangs."""
    await stop.wait()
    grace = limits.stop_grace_seconds + limits.commit_grace_seconds
    end.reschedule(asyncio.get_running_loop().time() + grace)
