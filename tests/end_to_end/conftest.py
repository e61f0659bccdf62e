"""Homes, simulators and databases for commands that run as processes."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from cryoasync.database.embedded import EmbeddedServer
from cryoasync.simulator.chembl.population import load_chembl_molecules
from cryoasync.simulator.population import load_molecules
from tests.end_to_end.bad_days import Import, imports_at_work
from tests.end_to_end.commands import UNTHROTTLED, CommandLine, command_line_in
from tests.end_to_end.simulators import RunningSimulator, simulator_of

Simulators = Callable[..., RunningSimulator]

AT_ONCE = ("--set", "policy=none", "--set", "latency=none")
"""Arguments that make a simulator answer at once and allow everything."""


@pytest.fixture(scope="session", autouse=True)
def _kept_molecules() -> None:
    """Molecules are computed before any test waits for a simulator."""
    load_chembl_molecules(load_molecules())


@pytest.fixture(scope="session")
def imports(
    postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory, _kept_molecules: None
) -> Iterator[Mapping[str, Import]]:
    """An import for each scenario, all of them at work."""
    with imports_at_work(postgres, tmp_path_factory.mktemp("bad-days")) as imports:
        yield imports


@pytest.fixture(scope="session", autouse=True)
def _imports_beside_other_tests(request: pytest.FixtureRequest) -> None:
    """Start those imports before the first test where they are wanted at all: for half a minute they mostly wait.

    Of several processes that share the tests each knows all of them, and not yet which will be its own.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if any("imports" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("imports")


@pytest.fixture
def cryoasync(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line of a user with an empty home."""
    with command_line_in(tmp_path) as command_line:
        yield command_line


@pytest.fixture
def embedded(cryoasync: CommandLine) -> Iterator[EmbeddedServer]:
    """The embedded server of the home, which the first command that needs it makes."""
    server = EmbeddedServer(cryoasync.home / "data" / "cryoasync")
    yield server
    cryoasync.kill_all()
    asyncio.run(server.destroy())


@pytest.fixture(scope="session")
def simulators(_kept_molecules: None) -> Iterator[Simulators]:
    """Return a function that gives the simulator of some arguments, which has seen nothing yet."""
    with ExitStack() as stack:
        running: dict[tuple[str, ...], RunningSimulator] = {}

        def simulator(*arguments: str) -> RunningSimulator:
            if arguments not in running:
                running[arguments] = stack.enter_context(simulator_of(*arguments))
            running[arguments].reset()
            return running[arguments]

        yield simulator


@pytest.fixture
def simulator(simulators: Simulators) -> RunningSimulator:
    """PubChem on a good day: its policy and its pace."""
    return simulators()


@pytest.fixture
def at_once(simulators: Simulators, cryoasync: CommandLine) -> RunningSimulator:
    """A simulator that answers at once, without a policy; nor have the commands of this test one."""
    simulator = simulators(*AT_ONCE)
    cryoasync.environment |= UNTHROTTLED | {"CRYOASYNC_PUBCHEM__BASE_URL": simulator.base_url}
    return simulator
