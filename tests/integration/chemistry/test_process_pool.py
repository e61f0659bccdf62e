"""Worker processes: what they compute, and what they survive."""

import asyncio
import contextlib
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psutil
import pytest
import uvloop

from cryoasync.chemistry.descriptors import describe
from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat
from cryoasync.chemistry.process_pool import RdkitPool

# A chain of this length overflows a stack of 2 MiB in RDKit's recursive canonicalization.
CRASHING = "C" * 6_000
# A line of open brackets makes RDKit's parser ask for many gigabytes.
INSATIABLE = "C(" * 40_000


def smiles(text: str) -> Structure:
    return Structure(format=StructureFormat.SMILES, text=text)


def circulant_graph(atoms: int, step: int) -> str:
    """Write the SMILES of a ring of carbon atoms that are bonded to those ``step`` further on, too."""
    bonds = [(atoms - 1, 0), *((atom, (atom + step) % atoms) for atom in range(atoms))]
    closures: list[list[int]] = [[] for _ in range(atoms)]
    for number, bond in enumerate(bonds, start=10):
        for atom in bond:
            closures[atom].append(number)
    return "".join("C" + "".join(f"%({number})" for number in numbers) for numbers in closures)


# All atoms are alike, so that InChI takes many seconds to number them.
ENDLESS = circulant_graph(900, 30)


def chunk(*texts: str) -> list[tuple[int, Structure]]:
    return [(position, smiles(text)) for position, text in enumerate(texts)]


def worker_processes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if _computes(child)]


def _computes(process: psutil.Process) -> bool:
    try:
        return "worker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a child of another test that has ended
        return False


@pytest.fixture
def small_stack() -> Iterator[None]:
    """Give the processes that are started a stack of 2 MiB, whatever the machine's limit is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (2 * 1024 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


async def until_busy(worker: psutil.Process) -> None:
    """Wait until ``worker`` has spent processor time; the test's time limit ends it otherwise."""
    before = sum(worker.cpu_times()[:2])
    while sum(worker.cpu_times()[:2]) < before + 0.1:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.01)


async def test_outcomes_are_those_of_a_direct_call_in_the_same_order() -> None:
    """The way through a process changes no value, key or position."""
    structures = chunk("OCC(O)CO", "c1cccc1", "CS(C)=O", "*C")
    async with RdkitPool(1) as pool:
        outcomes = await pool.describe(structures)
    assert outcomes == [(key, describe(structure)) for key, structure in structures]


async def test_an_unused_pool_starts_nothing() -> None:
    """Processes start at the first structure, not with the pool."""
    async with RdkitPool(2) as pool:
        assert await pool.describe([]) == []
        assert worker_processes() == []


async def test_chunks_share_the_processes_and_no_more_than_allowed_start() -> None:
    """Ten chunks at once on two processes: each chunk gets its own answers."""
    async with RdkitPool(2) as pool:
        chunks = [chunk("C" * length, "C" * length + "O") for length in range(1, 11)]
        answers = await asyncio.gather(*(pool.describe(each) for each in chunks))
        assert len(worker_processes()) == 2
    formulas = [[outcome.molecular_formula for _, outcome in answer] for answer in answers]  # type: ignore[union-attr]
    assert formulas[3] == ["C4H10", "C4H10O"]
    assert len({tuple(pair) for pair in formulas}) == 10


@pytest.mark.usefixtures("small_stack")
async def test_a_crash_costs_one_molecule() -> None:
    """RDKit overflows its stack on one structure; its neighbours keep their values and the pool goes on."""
    async with RdkitPool(1) as pool:
        outcomes = dict(await pool.describe(chunk("CCO", CRASHING, "CS(C)=O")))
        again = dict(await pool.describe(chunk("CO")))
    assert outcomes[1] == Rejected(reason="RDKit crashed on this molecule (SIGSEGV)")
    assert [type(outcomes[key]) for key in (0, 2)] == [Descriptors, Descriptors]
    assert isinstance(again[0], Descriptors)


async def test_an_endless_molecule_is_given_up() -> None:
    """A molecule beyond its processor time is rejected with the limit, and takes nothing else down."""
    async with RdkitPool(1, molecule_seconds=0.5) as pool:
        outcomes = dict(await pool.describe(chunk("CCO", ENDLESS, "CS(C)=O")))
    assert outcomes[1] == Rejected(reason="RDKit took more than 0.5 s of processor time on this molecule")
    assert [type(outcomes[key]) for key in (0, 2)] == [Descriptors, Descriptors]


async def test_a_molecule_that_takes_all_memory_is_rejected() -> None:
    """The process's memory is bounded; the molecule that asks for more is rejected by itself."""
    async with RdkitPool(1) as pool:
        outcomes = dict(await pool.describe(chunk("CCO", INSATIABLE)))
    assert outcomes[1] == Rejected(reason="RDKit needs more than 2 GiB for this molecule")
    assert isinstance(outcomes[0], Descriptors)


async def test_a_killed_process_costs_no_molecule() -> None:
    """A process that something else kills is replaced, and its chunk is computed all the same."""
    async with RdkitPool(1) as pool:
        await pool.describe(chunk("C"))
        (victim,) = worker_processes()
        victim.kill()
        outcomes = dict(await pool.describe(chunk("CCO", "CS(C)=O")))
    assert all(isinstance(outcome, Descriptors) for outcome in outcomes.values())


async def test_processes_ignore_the_signals_that_stop_the_service() -> None:
    """SIGINT and SIGTERM leave a process in service: the parent decides."""
    async with RdkitPool(1) as pool:
        await pool.describe(chunk("C"))
        (worker,) = worker_processes()
        worker.send_signal(signal.SIGINT)
        worker.terminate()
        outcomes = dict(await pool.describe(chunk("CCO")))
        assert worker_processes() == [worker]
    assert isinstance(outcomes[0], Descriptors)


async def test_a_cancelled_call_leaves_no_stale_answer() -> None:
    """After a cancellation the next call gets its own answer, not the one that was under way."""
    async with RdkitPool(1) as pool:
        await pool.describe(chunk("C"))
        busy = asyncio.create_task(pool.describe(chunk(ENDLESS)))
        (worker,) = worker_processes()
        await until_busy(worker)
        busy.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await busy
        (outcome,) = await pool.describe([("water", smiles("O"))])
    assert outcome[0] == "water"
    assert isinstance(outcome[1], Descriptors)
    assert outcome[1].molecular_formula == "H2O"


def in_asyncio(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


@pytest.mark.parametrize("run", [in_asyncio, uvloop.run], ids=["asyncio", "uvloop"])
def test_leaving_the_pool_ends_busy_processes(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    """Cancelled in mid-computation, the pool leaves no process behind, under either event loop."""

    async def cancelled_in_the_middle() -> None:
        async with asyncio.timeout(None) as limit, RdkitPool(2) as pool, asyncio.TaskGroup() as tasks:
            await pool.describe(chunk("C"))
            limit.reschedule(asyncio.get_running_loop().time() + 0.2)
            for _ in range(2):
                tasks.create_task(pool.describe(chunk(ENDLESS)))

    with pytest.raises(TimeoutError):
        run(cancelled_in_the_middle())
    assert worker_processes() == []


PARENT = f"""
import asyncio
from cryoasync.chemistry.models import Structure, StructureFormat
from cryoasync.chemistry.process_pool import RdkitPool

async def main():
    async with RdkitPool(2) as pool:
        water = Structure(format=StructureFormat.SMILES, text="O")
        endless = Structure(format=StructureFormat.SMILES, text={ENDLESS!r})
        await asyncio.gather(pool.describe([(1, water)]), pool.describe([(2, water)]))
        print("computing", flush=True)
        await asyncio.gather(pool.describe([(1, endless)]), pool.describe([(2, endless)]))

asyncio.run(main())
"""


async def test_processes_end_with_a_killed_parent() -> None:
    """SIGKILL to the service ends its workers long before the molecules they are at would have been done."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220 - nothing else runs meanwhile
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"computing\n"
        workers = psutil.Process(parent.pid).children()
        assert len(workers) == 2
        await asyncio.gather(*(until_busy(worker) for worker in workers))
        parent.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def test_the_service_does_not_load_rdkit() -> None:
    """Importing the pool leaves RDKit to the worker processes."""
    program = "import sys, cryoasync.chemistry.process_pool; sys.exit('rdkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
