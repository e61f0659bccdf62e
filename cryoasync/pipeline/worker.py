"""One coroutine that turns chunks into results."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from cryoasync.errors import CryoasyncError
from cryoasync.models import Activity, Chunk, ChunkResult
from cryoasync.pipeline.channel import Channel
from cryoasync.pipeline.database_breaker import DatabaseBreaker
from cryoasync.pipeline.pause_gate import PauseGate
from cryoasync.pipeline.shutdown import StopRequest
from cryoasync.ports import ChunkProcessor, Clock

AT_REST = frozenset({Activity.IDLE, Activity.PAUSED})
"""Activities without a chunk in hand."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """What a worker does, for how long already, and on which chunk."""

    number: int
    activity: Activity
    seconds: float
    chunk: int | None


class Worker:
    """Processes one chunk at a time; a chunk that must be interrupted is begun again."""

    def __init__(
        self, number: int, processor: ChunkProcessor, breaker: DatabaseBreaker, *, clock: Clock
    ) -> None:
        """Start idle; no chunk is begun while ``breaker`` is open."""
        self.number = number
        self._breaker = breaker
        self._processor = processor
        self._clock = clock
        self._activity = Activity.IDLE
        self._since = clock()
        self._seconds: dict[Activity, float] = dict.fromkeys(Activity, 0.0)
        self._chunk: Chunk | None = None
        self._leash: asyncio.Timeout | None = None

    async def run(
        self, chunks: Channel[Chunk], results: Channel[ChunkResult], stop: StopRequest, gate: PauseGate
    ) -> None:
        """Work until the chunks end or a stop is asked for; an expected error asks for the stop itself.

        Each chunk is begun only when ``gate`` lets it pass.
        """
        async for chunk in chunks:
            await self._until_free(gate, stop)
            if stop.is_set:
                return
            try:
                result = await self.process(chunk)
            except CryoasyncError as error:
                stop.by_error(error)
                self.report(Activity.IDLE)
                return
            self.report(Activity.DELIVERING)
            await results.send(result)
            self.report(Activity.IDLE)

    async def _until_free(self, gate: PauseGate, stop: StopRequest) -> None:
        """Wait as long as the run is paused, or its database could not store any more."""
        while (gate.is_closed or self._breaker.is_open) and not stop.is_set:
            if gate.is_closed:
                self.report(Activity.PAUSED)
                await gate.wait(stop)
            else:
                self.report(Activity.DELIVERING)
                await self._breaker.wait_until_closed(stop)
            self.report(Activity.IDLE)

    async def process(self, chunk: Chunk) -> ChunkResult:
        """Return the result of ``chunk``; errors are those of :class:`~cryoasync.ports.ChunkProcessor`."""
        self._chunk = chunk
        with structlog.contextvars.bound_contextvars(chunk=chunk.number):
            while True:
                self.report(Activity.FETCHING)
                try:
                    async with asyncio.timeout(None) as leash:
                        self._leash = leash
                        return await self._processor.process(chunk, self.report)
                except TimeoutError:
                    if not leash.expired():
                        raise
                    _log.warning("chunk begun again", worker=self.number)
                finally:
                    self._leash = None

    def report(self, activity: Activity) -> None:
        """Note what the worker does from now on."""
        now = self._clock()
        self._seconds[self._activity] += now - self._since
        self._activity, self._since = activity, now

    def seconds_by_activity(self) -> Mapping[Activity, float]:
        """Return what the worker's time went to so far, the step in hand included."""
        spent = dict(self._seconds)
        spent[self._activity] += self._clock() - self._since
        return spent

    def interrupt(self) -> None:
        """Give up the chunk in hand where it stands, and begin it again; once is enough, however long that takes."""
        leash, self._leash = self._leash, None
        if leash is not None:
            leash.reschedule(asyncio.get_running_loop().time())

    def status(self) -> WorkerStatus:
        """Return what the worker does now."""
        idle = self._activity in AT_REST
        return WorkerStatus(
            number=self.number,
            activity=self._activity,
            seconds=self._clock() - self._since,
            chunk=None if idle or self._chunk is None else self._chunk.number,
        )
