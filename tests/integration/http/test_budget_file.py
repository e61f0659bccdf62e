"""The rate budget in a file of the user."""

import asyncio
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import structlog

from cryoasync.http import budget_file
from cryoasync.http.budget_file import FileBudgetStore

HOST = "https://source.example:443"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be, in a directory that does not exist yet."""
    return tmp_path / "state" / "rate-budget.sqlite"


@pytest.fixture(autouse=True)
async def threads() -> AsyncIterator[None]:
    """Wait for the threads of connections that could not be opened: they tell the loop of their end."""
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5.0)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[FileBudgetStore]:
    """Open a file that can be used."""
    async with FileBudgetStore.open(path, asyncio.get_running_loop().time) as store:
        assert store is not None
        yield store


async def stored(store: FileBudgetStore, host: str = HOST) -> bytes | None:
    """Return the log of a host."""
    async with store.transaction(host) as budget:
        return budget.log


async def save(store: FileBudgetStore, log: bytes, host: str = HOST) -> None:
    """Replace the log of a host."""
    async with store.transaction(host) as budget:
        budget.replace(log)


async def add_one(store: FileBudgetStore) -> None:
    """Read, think, write: what a lease does."""
    async with store.transaction(HOST) as budget:
        before = int(budget.log or b"0")
        await asyncio.sleep(0.001)
        budget.replace(b"%d" % (before + 1))


def add_in_a_process(path: Path, times: int) -> None:
    """Add from another process."""

    async def main() -> None:
        async with opened(path) as store:
            for _ in range(times):
                await add_one(store)

    asyncio.run(main())


async def test_a_log_survives_closing_and_is_kept_by_host(path: Path) -> None:
    """What one process used, the next one knows."""
    async with opened(path) as store:
        assert await stored(store) is None
        await save(store, b"first \x00\xff")
        assert await stored(store, "http://127.0.0.1:8000") is None
    async with opened(path) as store:
        assert await stored(store) == b"first \x00\xff"
        await save(store, b"second")
        assert await stored(store) == b"second"


async def test_only_the_user_may_look_into_the_directory(path: Path) -> None:
    """It is made with the file."""
    async with opened(path):
        assert path.parent.stat().st_mode & 0o077 == 0


async def test_two_stores_on_one_file_exclude_each_other(path: Path) -> None:
    """Tasks of one process, and other processes, add up; no permit is counted once where two were taken."""
    processes = [
        multiprocessing.get_context("spawn").Process(target=add_in_a_process, args=(path, 10))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    async with opened(path) as one, opened(path) as other:
        await asyncio.gather(*(add_one(store) for store in (one, other) for _ in range(10)))
        for process in processes:
            await asyncio.to_thread(process.join, 20)
        assert [process.exitcode for process in processes] == [0, 0]
        assert await stored(one) == b"40"


async def test_an_error_on_the_way_saves_nothing_and_frees_the_file(path: Path) -> None:
    """As when the database behind it is away: the permits were not leased."""
    async with opened(path) as one, opened(path) as other:
        await save(one, b"before")
        with suppress(ConnectionError):
            async with one.transaction(HOST) as budget:
                budget.replace(b"never")
                raise ConnectionError
        assert await stored(other) == b"before"


async def test_what_was_sent_before_the_machine_started_is_forgotten(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock began anew, and it was silent for longer than any window."""
    async with opened(path) as store:
        await save(store, b"before")
    monkeypatch.setattr(budget_file, "BOOT_ID", tmp_path / "boot_id")
    (tmp_path / "boot_id").write_text("00000000-0000-0000-0000-000000000001\n")
    async with opened(path) as store:
        assert await stored(store) is None
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT count(*) FROM budget").fetchone() == (0,)


async def test_its_clock_counts_from_the_start_of_the_machine(path: Path) -> None:
    """All processes agree on it, whatever their own clocks began with."""
    async with opened(path) as store, store.transaction(HOST) as budget:
        own = asyncio.get_running_loop().time()
        machine = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert own + budget.shift / 1e9 == pytest.approx(machine, abs=0.05)


def _file_in_place_of_the_directory(path: Path) -> None:
    path.parent.write_text("no directory")


def _directory_in_place_of_the_file(path: Path) -> None:
    path.mkdir(parents=True)


def _other_format(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all, but long enough to look at" * 100)


def _other_table(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE budget (other TEXT)")


@pytest.mark.parametrize(
    "spoil",
    [_file_in_place_of_the_directory, _directory_in_place_of_the_file, _other_format, _other_table],
)
async def test_a_place_that_cannot_be_used_is_told_and_done_without(spoil: object, path: Path) -> None:
    """The budget in the database still holds."""
    assert callable(spoil)
    spoil(path)
    with structlog.testing.capture_logs() as logs:
        async with FileBudgetStore.open(path, asyncio.get_running_loop().time) as store:
            assert store is None
    (line,) = logs
    assert (line["log_level"], line["event"]) == ("warning", "rate budget not shared by file")
    assert line["path"] == str(path)
    assert line["reason"]


async def test_a_machine_that_does_not_tell_its_start_shares_no_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, times of another start could be taken for this one's."""
    monkeypatch.setattr(budget_file, "BOOT_ID", tmp_path / "missing")
    with structlog.testing.capture_logs() as logs:
        async with FileBudgetStore.open(path, asyncio.get_running_loop().time) as store:
            assert store is None
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_file_that_is_damaged_while_it_is_open_is_told_once_and_passed_over(path: Path) -> None:
    """Nothing is known and nothing is saved, but requests go on; no lock is left on it."""
    async with opened(path) as store:
        await save(store, b"x" * 100_000)
        damaged = bytearray(path.read_bytes())
        # The counter of changes, and all that is not the header.
        damaged[24:28] = damaged[92:96] = b"\x00\x00\x7f\xff"
        damaged[100:] = b"\xff" * (len(damaged) - 100)
        path.write_bytes(damaged)
        async with opened_directly(path) as other:
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):
                    async with store.transaction(HOST) as budget:
                        assert budget.log is None
                        budget.replace(b"y")
            assert [line["log_level"] for line in logs] == ["warning"]
            other.execute("BEGIN IMMEDIATE")


@asynccontextmanager
async def opened_directly(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Open the file without a store."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


async def test_a_file_that_another_process_holds_for_too_long_is_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped in the middle must not stop all others."""
    monkeypatch.setattr(budget_file, "LOCK_PATIENCE_SECONDS", 0.05)
    async with opened(path) as store, opened_directly(path) as other:
        await save(store, b"before")
        other.execute("BEGIN EXCLUSIVE")
        with structlog.testing.capture_logs() as logs:
            assert await stored(store) is None
        assert [line["log_level"] for line in logs] == ["warning"]
        other.execute("ROLLBACK")
        assert await stored(store) == b"before"


async def test_a_full_disk_is_told_and_the_file_left_to_others(path: Path) -> None:
    """What was there stays; later transactions are not in the way of each other."""
    async with opened(path) as store, opened_directly(path) as other:
        await save(store, b"before")
        await store._connection.execute("PRAGMA max_page_count = 1")
        with structlog.testing.capture_logs() as logs:
            await save(store, b"x" * 1_000_000)
            await save(store, b"y" * 1_000_000)
        assert [line["reason"] for line in logs] == ["database or disk is full"]
        assert await stored(store) == b"before"
        other.execute("BEGIN IMMEDIATE")


async def test_a_run_that_ends_while_it_waits_leaves_the_file_to_others(path: Path) -> None:
    """It was cancelled while another process held the file."""
    async with opened(path) as other:
        await save(other, b"before")
        async with opened(path) as one:
            async with other.transaction(HOST):
                waiting = asyncio.create_task(stored(one))
                await asyncio.sleep(0.05)
                waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with opened_directly(path) as third:
            third.execute("BEGIN IMMEDIATE")
            third.execute("ROLLBACK")
        assert await stored(other) == b"before"
