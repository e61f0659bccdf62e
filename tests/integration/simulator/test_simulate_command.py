"""``cryoasync simulate`` as a process, with and without one that started it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import psutil
import pytest

from cryoasync.simulator.population import load_molecules
from cryoasync.simulator.process import SimulatorFailedError, SimulatorProcess
from cryoasync.simulator.settings import SimulatorSettings

COMMAND = (sys.executable, "-m", "cryoasync", "simulate")
# A process that starts a simulator, says which, and waits to be killed.
PARENT = """
import asyncio
from cryoasync.simulator.process import SimulatorProcess
from cryoasync.simulator.settings import SimulatorSettings

async def main():
    async with SimulatorProcess(SimulatorSettings()) as simulator:
        print(simulator.statistics_url, flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture(scope="module", autouse=True)
def _kept_molecules() -> None:
    """Molecules are computed before any test counts seconds."""
    load_molecules()


async def get_json(url: str) -> dict[str, object]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        result: dict[str, object] = await response.json()
        return result


def find_simulators(pid: int) -> list[psutil.Process]:
    """Return the children of a process that simulate; a process that runs tests may have others."""
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if _simulates(child)]


def _simulates(process: psutil.Process) -> bool:
    try:
        return "simulate" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


async def test_a_child_serves_as_its_settings_say() -> None:
    """Scenario, seed and parameters reach the process, which ends with the context."""
    settings = SimulatorSettings(scenario="faults", seed=7, overrides=("faults.timeout=0.5",))
    async with SimulatorProcess(settings) as simulator:
        statistics = await get_json(simulator.statistics_url)
        assert (statistics["scenario"], statistics["seed"]) == ("faults", 7)
        assert simulator.base_url.startswith("http://127.0.0.1:")
        url = simulator.statistics_url
        [child] = find_simulators(os.getpid())
    assert not child.is_running()
    with pytest.raises(aiohttp.ClientConnectionError):
        await get_json(url)


async def test_a_child_that_cannot_start_is_an_error() -> None:
    """An unknown scenario ends the child before it serves."""
    with pytest.raises(SimulatorFailedError):
        await SimulatorProcess(SimulatorSettings(scenario="rainy")).__aenter__()


async def test_a_child_does_not_outlive_a_killed_parent() -> None:
    """SIGKILL gives the parent no chance to clean up, and still the child ends."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline()
    [child] = find_simulators(parent.pid)
    parent.kill()
    await parent.wait()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_exit_code(number: signal.Signals, exit_code: int) -> None:
    """One line of JSON says that it serves; a signal ends it, and nothing else is printed."""
    with subprocess.Popen([*COMMAND, "--json", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        announcement = json.loads(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(timeout=10) == exit_code
        assert process.stdout.read() == ""
    assert set(announcement) == {"base_url", "chembl_base_url", "statistics_url", "scenario", "seed"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "rainy"], "There are: steady, faults"),
        (["--made-up", "9-1"], "'9-1' is no range of numbers"),
        (["--set", "policy.colour=red"], "sets no parameter"),
        (["--port", "0", "--host", "203.0.113.1"], "Nothing can listen on 203.0.113.1"),
    ],
)
def test_bad_usage_is_explained(arguments: list[str], message: str) -> None:
    """The message says what is wrong, and the exit code is that of a usage error."""
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_people_are_told_where_it_serves(tmp_path: Path) -> None:
    """Without ``--json`` a short text on stderr has the URL."""
    log = tmp_path / "stderr"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [*COMMAND, "--port", "0", "--until-stdin-closes"], stdin=subprocess.PIPE, stderr=stderr
        ) as process,
    ):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0
    assert "http://127.0.0.1:" in log.read_text()
