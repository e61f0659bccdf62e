"""Who holds a run, and whether that process is still there."""

import os
import socket
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
# The kernel's start times are ticks since boot; as a clock time they move when the clock is set.
_START_TIME_TOLERANCE_SECONDS = 2.0


class Vitality(Enum):
    """What can be told from here about the process that holds a run."""

    ALIVE = auto()
    DEAD = auto()
    ELSEWHERE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, known across hosts, reboots, containers and reused process ids.

    ``boot_id`` names one boot of one machine and one namespace of process ids in it.
    """

    host: str
    boot_id: str
    pid: int
    process_started_at: float

    def vitality(self, here: "Owner") -> Vitality:
        """Tell whether this process lives; only a process beside ``here`` can be seen."""
        if (self.host, self.boot_id) != (here.host, here.boot_id):
            return Vitality.ELSEWHERE
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.process_started_at) < _START_TIME_TOLERANCE_SECONDS
            ended = process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return Vitality.DEAD
        return Vitality.ALIVE if same and not ended else Vitality.DEAD


def this_process() -> Owner:
    """Describe the process at work."""
    return Owner(
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=os.getpid(),
        process_started_at=psutil.Process().create_time(),
    )


def _boot_id() -> str:
    try:
        return f"{_BOOT_ID.read_text().strip()}/{_PID_NAMESPACE.readlink()}"
    except OSError:
        # Not Linux: the time of the boot serves.
        return f"{psutil.boot_time():.0f}"
