"""Imports from a source on its bad days, all of them at the same time, each from a simulator of its own."""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryoasync.database.embedded import EmbeddedServer
from tests.conftest import TEMPLATE, temporary_database
from tests.end_to_end.commands import GUARDED, Running, command_line_in
from tests.end_to_end.simulators import RunningSimulator, simulator_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a scenario is like, what is imported on that day, and which errors that meets.

    The compounds 1 to ``last`` are asked for, and those from ``absent`` to ``missing``, which do not exist.
    """

    source: str = "pubchem"
    last: int
    absent: int = 5001
    missing: int = 5005
    chunk_size: int
    parameters: tuple[str, ...] = ()
    errors: frozenset[str] = frozenset()

    def id_of(self, number: int) -> str:
        """Return an id of the source."""
        return f"CHEMBL{number}" if self.source == "chembl" else str(number)

    @property
    def words(self) -> tuple[str, ...]:
        """What is asked for."""
        first, last, absent, missing = map(self.id_of, (1, self.last, self.absent, self.missing))
        return (self.source, f"{first}-{last}", f"{absent}-{missing}", "--chunk-size", str(self.chunk_size))


def _chembl_day(last: int, chunk_size: int, *errors: str, parameters: tuple[str, ...] = ()) -> Day:
    return Day(
        source="chembl",
        last=last,
        absent=90_001,
        missing=90_005,
        chunk_size=chunk_size,
        parameters=parameters,
        errors=frozenset(errors),
    )


DAYS = {
    "faults": Day(
        last=1000,
        missing=5100,
        chunk_size=25,
        errors=frozenset({"throttled", "overloaded", "too_big", "unreachable", "garbled", "incomplete"}),
    ),
    "brownout": Day(last=400, chunk_size=20, errors=frozenset({"overloaded"})),
    "blackout": Day(
        last=1000, chunk_size=50, parameters=("blackout.lasts_seconds=4",), errors=frozenset({"unreachable"})
    ),
    "blacklisted": Day(
        last=600,
        chunk_size=200,
        parameters=("policy.neighbour_block_seconds=5",),
        errors=frozenset({"blocked"}),
    ),
    "silent_cut": Day(
        last=300,
        chunk_size=15,
        parameters=("policy.cut.after_seconds=2", "policy.cut.lasts_seconds=5"),
        errors=frozenset({"blocked"}),
    ),
    "slow": Day(last=400, chunk_size=10),
    "old_names": Day(last=400, chunk_size=200),
    "chembl faults": _chembl_day(600, 10, "overloaded", "too_big", "unreachable", "garbled", "incomplete"),
    "chembl blackout": _chembl_day(600, 30, "unreachable", parameters=("blackout.lasts_seconds=3",)),
    "chembl old_names": _chembl_day(400, 200),
}
"""By the scenario, whose name comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import that was started."""

    day: Day
    simulator: RunningSimulator
    dsn: str
    running: Running


@contextmanager
def imports_at_work(server: EmbeddedServer, folder: Path) -> Iterator[Mapping[str, Import]]:
    """Start an import for each day, and yield them by scenario."""
    databases = AsyncExitStack()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, ExitStack() as stack:
        stack.callback(lambda: runner.run(databases.aclose()))
        imports = {}
        for scenario, simulator in _simulators(stack).items():
            dsn = runner.run(databases.enter_async_context(temporary_database(server, TEMPLATE)))
            cryoasync = stack.enter_context(command_line_in(folder / scenario.replace(" ", "-")))
            day = DAYS[scenario]
            running = cryoasync.start(
                *("run", *day.words),
                *("--base-url", simulator.base_url_of(day.source), "--dsn", dsn, "--json"),
                environment=GUARDED,
            )
            imports[scenario] = Import(day=day, simulator=simulator, dsn=dsn, running=running)
        yield imports


def _simulators(stack: ExitStack) -> Mapping[str, RunningSimulator]:
    def start(scenario: str) -> RunningSimulator:
        parameters = [word for parameter in DAYS[scenario].parameters for word in ("--set", parameter)]
        return stack.enter_context(simulator_of("--scenario", scenario.rsplit(maxsplit=1)[-1], *parameters))

    with ThreadPoolExecutor() as pool:
        return dict(zip(DAYS, pool.map(start, DAYS), strict=True))
