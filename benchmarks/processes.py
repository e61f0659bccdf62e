"""Runs a command to its end, and notes all along what its main process holds in memory."""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

CRYOASYNC = (sys.executable, "-m", "cryoasync")
_SAMPLE_SECONDS = 0.2
_MEGABYTE = 1e6
ROOT = Path(__file__).parent.parent

UNTHROTTLED = {
    f"CRYOASYNC_PUBCHEM__POLICY__{limit}": "0"
    for limit in ("REQUESTS_PER_SECOND", "REQUESTS_PER_MINUTE", "RUNNING_SECONDS_PER_MINUTE")
}
"""An environment without a policy, for a simulator that has none."""


class CommandFailedError(Exception):
    """A measured command did not do what it was started for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command said and took.

    Attributes:
        document: the JSON object on its stdout.
        seconds: from its start to its end.
        cpu_seconds: processor time of the command and the processes it started.
        main_cpu_seconds: that of its main process, to within a fifth of a second.
        resident_bytes: the main process's memory, five times a second.
        peak_bytes: the most it ever held, by the kernel's account.
    """

    document: dict[str, Any]
    seconds: float
    cpu_seconds: float
    main_cpu_seconds: float
    resident_bytes: Sequence[int]
    peak_bytes: int

    def memory(self) -> dict[str, float]:
        """Return the memory in MB: the peak, and how the first tenth of the time compares with the rest."""
        samples = self.resident_bytes
        tenth = max(1, len(samples) // 10)
        parts = {
            "first_tenth_most": max(samples[:tenth]),
            "later_most": max(samples[tenth:] or samples),
            "second_tenth_median": median(samples[tenth : 2 * tenth] or samples),
            "last_tenth_median": median(samples[-tenth:]),
        }
        return {
            name: round(value / _MEGABYTE, 1) for name, value in [("peak", self.peak_bytes), *parts.items()]
        }


def environment_in(home: Path, added: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a user with that home, and nothing else but ``added``."""
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **folders, **added}


async def measured(
    arguments: Sequence[object], *, environment: Mapping[str, str], exit_codes: Sequence[int] = (0,)
) -> Measured:
    """Run a command to its end, in a home of its own, whose rate budget and cache are empty.

    Raises:
        CommandFailedError: it ended with none of ``exit_codes``.
    """
    with tempfile.TemporaryDirectory(prefix="cryoasync-") as folder:
        home = Path(folder)
        with (home / "stdout").open("wb") as out, (home / "stderr").open("wb") as err:
            cpu_before, started = _children_cpu_seconds(), time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                *map(str, arguments), stdout=out, stderr=err, cwd=ROOT, env=environment_in(home, environment)
            )
            watch = _Watch(process.pid)
            while process.returncode is None:
                watch.look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _SAMPLE_SECONDS)
            seconds = time.perf_counter() - started
        if process.returncode not in exit_codes:
            told = [home / "stdout", home / "stderr", *home.rglob("crash-*.txt")]
            raise CommandFailedError(
                f"{' '.join(map(str, arguments))} ended with {process.returncode}:\n"
                + "\n".join(path.read_text() for path in told)
            )
        return Measured(
            document=json.loads((home / "stdout").read_text()),
            seconds=seconds,
            cpu_seconds=_children_cpu_seconds() - cpu_before,
            main_cpu_seconds=watch.cpu_seconds,
            resident_bytes=watch.resident_bytes,
            peak_bytes=watch.peak_bytes,
        )


class _Watch:
    """Looks at one process, as long as it is there."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.resident_bytes: list[int] = []
        self.peak_bytes = 0
        self.cpu_seconds = 0.0

    def look(self) -> None:
        with suppress(psutil.Error, OSError):
            self.resident_bytes.append(self._process.memory_info().rss)
            self.peak_bytes = max(self.peak_bytes, _high_water_mark(self._process.pid))
            times = self._process.cpu_times()
            self.cpu_seconds = times.user + times.system


def _high_water_mark(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds_with_children(pid: int) -> float:
    """Return the processor time of a process, of its living children, and of those that it has waited for."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total
