"""RDKit off the event loop, in processes that one bad molecule can end without harm to the others."""

import asyncio
import signal
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

from cryoasync.chemistry.models import Descriptors, Rejected, Structure
from cryoasync.chemistry.worker_process import WorkerLostError, WorkerProcess

Key = TypeVar("Key")

_START_ATTEMPTS = 3


class RdkitPool:
    """Worker processes that compute descriptors, a chunk at a time each.

    A process is started when it is first needed, so that a run without computations pays for none. All end
    with the ``async with`` block, and when this process is killed.
    """

    def __init__(self, workers: int, *, molecule_seconds: float = 30.0) -> None:
        """Set the limits; nothing is started.

        Args:
            workers: the most processes at a time.
            molecule_seconds: processor time after which a molecule is given up.
        """
        self._molecule_seconds = molecule_seconds
        self._permits = asyncio.Semaphore(workers)
        self._idle: list[WorkerProcess] = []
        self._alive: set[WorkerProcess] = set()

    async def __aenter__(self) -> Self:
        """Open the pool."""
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every process at once, busy ones too."""
        self._idle.clear()
        await asyncio.gather(*(worker.end() for worker in self._alive))
        self._alive.clear()

    async def describe(
        self, structures: Sequence[tuple[Key, Structure]]
    ) -> list[tuple[Key, Descriptors | Rejected]]:
        """Compute the descriptors of a chunk, in its order; waits for a free process.

        A molecule that RDKit refuses, crashes on, or is not done with in time is ``Rejected`` with the
        reason; the others keep their values.

        Raises:
            ChemistryError: RDKit cannot be loaded.
            WorkerLostError: its processes end before they are ready.
        """
        if not structures:
            return []
        async with self._permits:
            outcomes = await self._outcomes([structure for _, structure in structures])
        return [(key, outcome) for (key, _), outcome in zip(structures, outcomes, strict=True)]

    async def _outcomes(self, structures: Sequence[Structure]) -> list[Descriptors | Rejected]:
        worker = await self._take()
        try:
            return await self._compute(worker, structures)
        except WorkerLostError:
            # One of them ended the process. One at a time finds it at the price of one more crash or time
            # limit; halving would pay that price once a level.
            return [await self._alone(structure) for structure in structures]

    async def _alone(self, structure: Structure) -> Descriptors | Rejected:
        worker = await self._take()
        try:
            (outcome,) = await self._compute(worker, [structure])
        except WorkerLostError as loss:
            return Rejected(reason=self._reason(loss))
        return outcome

    async def _take(self) -> WorkerProcess:
        if self._idle:
            return self._idle.pop()
        worker = await self._start()
        self._alive.add(worker)
        return worker

    async def _start(self) -> WorkerProcess:
        for _ in range(_START_ATTEMPTS - 1):
            try:
                return await WorkerProcess.start(self._molecule_seconds)
            except WorkerLostError as loss:
                # A signal meant for the whole service can hit a process before it knows how to ignore it.
                if loss.status >= 0:
                    raise
        return await WorkerProcess.start(self._molecule_seconds)

    async def _compute(
        self, worker: WorkerProcess, structures: Sequence[Structure]
    ) -> list[Descriptors | Rejected]:
        try:
            outcomes = await worker.describe(structures)
        except BaseException:
            # Its answer may still come, and would be taken for the next one's.
            await worker.end()
            self._alive.discard(worker)
            raise
        self._idle.append(worker)
        return outcomes

    def _reason(self, loss: WorkerLostError) -> str:
        if loss.status == -signal.SIGPROF:
            return f"RDKit took more than {self._molecule_seconds:g} s of processor time on this molecule"
        return f"RDKit crashed on this molecule ({loss.cause})"
