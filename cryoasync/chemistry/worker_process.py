"""One worker process, seen from the service."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Self

from cryoasync.chemistry import frames
from cryoasync.chemistry.models import Descriptors, Rejected, Structure
from cryoasync.errors import CryoasyncError

_PROGRAM = "cryoasync.chemistry.worker"
_START_SECONDS = 60.0


class ChemistryError(CryoasyncError):
    """RDKit cannot be used."""

    kind = "chemistry"


class WorkerLostError(CryoasyncError):
    """A worker process ended while it was needed.

    Attributes:
        status: its exit status, or the negative number of the signal that ended it.
    """

    def __init__(self, status: int) -> None:
        """Name the signal where there was one."""
        cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        super().__init__(f"A worker process of RDKit ended ({cause}).")
        self.status = status
        self.cause = cause


class WorkerProcess:
    """A process that computes descriptors for one caller at a time.

    After an exception or a cancellation only ``end`` may be called: an answer may still be under way.
    """

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, molecule_seconds: float) -> Self:
        """Start a process and wait until it has loaded RDKit.

        Raises:
            ChemistryError: RDKit cannot be loaded, or not within a minute.
            WorkerLostError: the process ended before.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the directory the user happens to be in
            "-m",
            _PROGRAM,
            str(os.getpid()),
            str(molecule_seconds),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,  # Ctrl-C reaches it at no moment of its start
        )
        worker = cls(process)
        try:
            await worker._greet()
        except BaseException:
            await worker.end()
            raise
        return worker

    async def describe(self, structures: Sequence[Structure]) -> list[Descriptors | Rejected]:
        """Compute one outcome per structure, in their order.

        Raises:
            WorkerLostError: the process ended on the way.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(frames.frame(list(structures)))
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise WorkerLostError(await self._process.wait()) from error
        return frames.outcomes_decoder.decode(await self._read_frame())

    async def end(self) -> None:
        """End the process, whatever it does."""
        if self._process.returncode is None:
            # It keeps nothing that would be worth a farewell.
            self._process.kill()
        await self._process.wait()

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                greeting = frames.greeting_decoder.decode(await self._read_frame())
        except TimeoutError as error:
            raise ChemistryError(f"RDKit was not loaded within {_START_SECONDS:g} s.") from error
        if isinstance(greeting, frames.Unusable):
            raise ChemistryError(
                f"RDKit cannot be loaded: {greeting.reason}.",
                hint="Install rdkit again, or run with --rdkit off.",
            )

    async def _read_frame(self) -> bytes:
        assert self._process.stdout is not None
        try:
            header = await self._process.stdout.readexactly(frames.HEADER.size)
            (size,) = frames.HEADER.unpack(header)
            return await self._process.stdout.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerLostError(await self._process.wait()) from error
