"""Imports from a source on its bad days, all of them at the same time, each from a simulator of its own."""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryoasync.database.embedded import EmbeddedServer
from tests.conftest import TEMPLATE, temporary_database
from tests.end_to_end.commands import Running, command_line_in
from tests.end_to_end.simulators import RunningSimulator, simulator_of

# Other tests and seven imports share the processors, so that arrivals may be late by more than usual.
_GUARD = {"CRYOASYNC_PUBCHEM__POLICY__GUARD_SECONDS": "0.15"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a scenario is like, what is imported on that day, and which errors that meets.

    The compounds 1 to ``last`` are asked for, and 5001 to ``missing``, which do not exist.
    """

    last: int
    missing: int = 5005
    chunk_size: int
    parameters: tuple[str, ...] = ()
    errors: frozenset[str] = frozenset()


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
}


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
            cryoasync = stack.enter_context(command_line_in(folder / scenario))
            day = DAYS[scenario]
            running = cryoasync.start(
                *("run", "pubchem", f"1-{day.last}", f"5001-{day.missing}", "--chunk-size", day.chunk_size),
                *("--base-url", simulator.base_url, "--dsn", dsn, "--json"),
                environment=_GUARD,
            )
            imports[scenario] = Import(day=day, simulator=simulator, dsn=dsn, running=running)
        yield imports


def _simulators(stack: ExitStack) -> Mapping[str, RunningSimulator]:
    def start(scenario: str) -> RunningSimulator:
        parameters = [word for parameter in DAYS[scenario].parameters for word in ("--set", parameter)]
        return stack.enter_context(simulator_of("--scenario", scenario, *parameters))

    with ThreadPoolExecutor() as pool:
        return dict(zip(DAYS, pool.map(start, DAYS), strict=True))
