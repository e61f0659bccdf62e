"""The command as a user has it: a process of its own, in a home of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any

import psutil

from cryoasync.simulator.chembl.population import kept_chembl_path
from cryoasync.simulator.population import kept_path

PROGRAM = (sys.executable, "-m", "cryoasync")
LONGEST_SECONDS = 50.0

UNTHROTTLED = {
    f"CRYOASYNC_PUBCHEM__POLICY__{limit}": "0"
    for limit in ("REQUESTS_PER_SECOND", "REQUESTS_PER_MINUTE", "RUNNING_SECONDS_PER_MINUTE")
}
"""An environment without a policy, for a simulator that has none."""

GUARDED = {"CRYOASYNC_PUBCHEM__POLICY__GUARD_SECONDS": "0.15"}
"""An environment that leaves more room in each window, where other work makes requests arrive later than usual."""

UNTHROTTLED_BY_SOURCE = {"pubchem": UNTHROTTLED, "chembl": {"CRYOASYNC_CHEMBL__REQUESTS_PER_SECOND": "0"}}
"""The same for each source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object that stdout holds."""
        document = json.loads(self.stdout)
        assert isinstance(document, dict)
        return document

    @property
    def error(self) -> dict[str, str]:
        """The error that the JSON object on stdout tells of."""
        error: dict[str, str] = self.document["error"]
        return error


class Running:
    """A started command. Its streams are files, so that no pipe can fill up."""

    def __init__(self, process: subprocess.Popen[bytes], stdout: Path, stderr: Path) -> None:
        """Watch over a process."""
        self.process = process
        self.started_at = time.monotonic()
        self._stdout = stdout
        self._stderr = stderr

    def end(self, seconds: float = LONGEST_SECONDS) -> Ended:
        """Wait until the command has ended by itself."""
        return Ended(
            exit_code=self.process.wait(seconds),
            stdout=self._stdout.read_text(),
            stderr=self._stderr.read_text(),
        )

    @property
    def errors_so_far(self) -> str:
        """What the command has written to stderr."""
        return self._stderr.read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(number)


@dataclass(kw_only=True)
class CommandLine:
    """Runs ``cryoasync`` with nothing in its environment but a home, and what a test puts there."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    _numbers: Iterator[int] = field(default_factory=count)
    _started: list[Running] = field(default_factory=list)

    def __call__(self, *arguments: object, seconds: float = LONGEST_SECONDS, **how: Any) -> Ended:
        """Run a command to its end."""
        return self.start(*arguments, **how).end(seconds)

    def start(
        self,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
    ) -> Running:
        """Start a command; ``environment`` is added to what every command here has."""
        number = next(self._numbers)
        stdout, stderr = self.home / f"{number}.stdout", self.home / f"{number}.stderr"
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = subprocess.Popen(
                [*self.prefix, *PROGRAM, *map(str, arguments)],
                stdin=stdin,
                stdout=out,
                stderr=err,
                env=self._basis() | self.environment | dict(environment or {}),
                cwd=self.home,
                start_new_session=True,
            )
        self._started.append(Running(process, stdout, stderr))
        return self._started[-1]

    def processes(self) -> list[psutil.Process]:
        """List what runs in this home, grandchildren and orphans included; an embedded server has no home."""
        return [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]

    def kill_all(self) -> None:
        """End whatever still runs in this home."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for running in self._started:
            running.process.wait(LONGEST_SECONDS)

    def _basis(self) -> dict[str, str]:
        folders = {
            f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")
        }
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **folders}


@contextmanager
def command_line_in(home: Path) -> Iterator[CommandLine]:
    """Yield a command line with an empty home, in the end of which nothing runs any more."""
    home.mkdir(parents=True, exist_ok=True)
    # Molecules are computed once on a machine, not once a home.
    cache = home / "cache" / "cryoasync"
    cache.mkdir(parents=True)
    for kept in (kept_path(), kept_chembl_path()):
        (cache / kept.name).symlink_to(kept)
    command_line = CommandLine(home=home)
    try:
        yield command_line
    finally:
        command_line.kill_all()


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("HOME")
    except (psutil.Error, OSError):
        return None
