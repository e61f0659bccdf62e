"""A simulator in a process of its own, looked into by the endpoints that only a simulator has."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.end_to_end.commands import PROGRAM

_PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class RunningSimulator:
    """A simulator that serves; ``reset_at`` is when its clock stood at 0, in monotonic seconds."""

    base_url: str
    chembl_base_url: str
    reset_at: float = 0.0

    def reset(self) -> None:
        """Forget all traffic, and begin the stream of faults anew."""
        self._ask("reset", method="POST")
        self.reset_at = time.monotonic()

    def statistics(self, source: str = "pubchem") -> dict[str, Any]:
        """Return what it has seen of a source's clients since the last reset."""
        path = {"pubchem": "statistics", "chembl": "chembl/statistics"}[source]
        statistics: dict[str, Any] = json.loads(self._ask(path))
        return statistics

    def base_url_of(self, source: str) -> str:
        """Return where a source is stood in for."""
        return {"pubchem": self.base_url, "chembl": self.chembl_base_url}[source]

    def chembl_records(self) -> list[dict[str, Any]]:
        """Return all molecules of ChEMBL's list as it is now."""
        return [json.loads(line) for line in self._ask("chembl/records?start=0&count=10000").splitlines()]

    def records(self, start: int, count: int) -> list[dict[str, Any]]:
        """Return the first ``count`` compounds from the CID ``start`` on."""
        return [json.loads(line) for line in self._ask(f"records?start={start}&count={count}").splitlines()]

    def _ask(self, path: str, method: str = "GET") -> bytes:
        url = self.base_url.removesuffix("/rest/pug") + f"/simulator/{path}"
        with urlopen(Request(url, method=method), timeout=_PATIENCE_SECONDS) as answer:
            body: bytes = answer.read()
        return body


@contextmanager
def simulator_of(*arguments: str) -> Iterator[RunningSimulator]:
    """Yield a simulator started with ``arguments``."""
    command = [*PROGRAM, "simulate", "--json", "--port", "0", "--until-stdin-closes", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            announced = json.loads(process.stdout.readline())
            yield RunningSimulator(announced["base_url"], announced["chembl_base_url"])
        finally:
            process.kill()
