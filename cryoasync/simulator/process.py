"""A simulator in a process of its own, which ends with the process that started it."""

import asyncio
import sys
from typing import Self

import msgspec

from cryoasync.errors import CryoasyncError
from cryoasync.simulator.settings import SimulatorSettings

# The first start on a machine computes the molecules.
_START_SECONDS = 120.0
_STOP_SECONDS = 5.0


class SimulatorFailedError(CryoasyncError):
    """The simulator's process ended before it served."""

    kind = "simulator"


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What ``cryoasync simulate --json`` prints, on one line, as soon as it serves."""

    base_url: str
    chembl_base_url: str
    statistics_url: str
    scenario: str
    seed: int


class SimulatorProcess:
    """Runs ``cryoasync simulate`` for as long as its context lasts.

    The child holds the reading end of a pipe and ends when the pipe does: however this process dies, SIGKILL
    included, the system closes the writing end.
    """

    def __init__(self, settings: SimulatorSettings) -> None:
        """Take the settings; nothing is started yet."""
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._announcement: Announcement | None = None

    async def __aenter__(self) -> Self:
        """Start the child and wait until it serves.

        Raises:
            SimulatorFailedError: It ended, or took longer than two minutes.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cryoasync",
            *_arguments(self._settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is for this process, which may still have requests to finish.
            start_new_session=True,
        )
        try:
            self._announcement = await _read_announcement(self._process)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the child, and wait until it has."""
        await self._stop()

    @property
    def base_url(self) -> str:
        """The URL that stands for ``https://pubchem.ncbi.nlm.nih.gov/rest/pug``."""
        return self._announced.base_url

    def base_url_of(self, source: str) -> str:
        """Return the URL that stands for that of a source, ``pubchem`` or ``chembl``."""
        return {"pubchem": self._announced.base_url, "chembl": self._announced.chembl_base_url}[source]

    @property
    def statistics_url(self) -> str:
        """Where the statistics are served as JSON."""
        return self._announced.statistics_url

    @property
    def _announced(self) -> Announcement:
        if self._announcement is None:
            raise RuntimeError("The simulator serves only inside its context.")
        return self._announcement

    async def _stop(self) -> None:
        process, self._process, self._announcement = self._process, None, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _arguments(settings: SimulatorSettings) -> list[str]:
    arguments = ["simulate", "--json", "--until-stdin-closes"]
    arguments += ["--scenario", settings.scenario, "--seed", str(settings.seed)]
    arguments += ["--host", settings.host, "--port", str(settings.port)]
    for override in settings.overrides:
        arguments += ["--set", override]
    if settings.made_up is not None:
        arguments += ["--made-up", f"{settings.made_up.first}-{settings.made_up.last}"]
    if settings.cache_dir is not None:
        arguments += ["--cache-dir", str(settings.cache_dir)]
    return arguments


async def _read_announcement(process: asyncio.subprocess.Process) -> Announcement:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        return msgspec.json.decode(line, type=Announcement)
    except TimeoutError as error:
        raise SimulatorFailedError(f"The simulator did not serve within {_START_SECONDS:.0f} s.") from error
    except msgspec.MsgspecError as error:
        raise SimulatorFailedError(
            "The simulator's process ended before it served.", hint="Its own message stands above."
        ) from error
