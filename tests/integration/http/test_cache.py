"""The response cache on a real file."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoasync.http.cache import ResponseCache
from cryoasync.http.cache_models import CacheAction, CachePart, CacheProblem, CacheScope, PruneReport

ORIGIN = "https://source.example:443"
ENDPOINT = "property:InChIKey,Title"
HOUR = 3_600.0

source_ids = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


class Warnings(list[CacheProblem]):
    """What a cache told its owner."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache's file is to be, in a directory that does not exist yet."""
    return tmp_path / "cryoasync" / "responses.sqlite"


@pytest.fixture
def warnings() -> Warnings:
    """Collect the problems."""
    return Warnings()


def open_cache(
    path: Path, warnings: Warnings, max_bytes: int = 10**9
) -> AbstractAsyncContextManager[ResponseCache]:
    """Open a cache whose problems are collected."""
    return ResponseCache.open(path, max_bytes=max_bytes, warn=warnings.append)


async def put(cache: ResponseCache, *ids: int, fetched_at: float = 0.0, size: int = 100) -> None:
    """Store an answer of some size for each id."""
    payloads = {str(number): b"%0*d" % (size, number) for number in ids}
    await cache.put_many(ORIGIN, ENDPOINT, payloads, fetched_at=fetched_at)


async def held(cache: ResponseCache, *ids: int, now: float = 0.0) -> set[int]:
    """Tell which of the ids have an answer."""
    found = await cache.get_many(ORIGIN, ENDPOINT, [str(number) for number in ids], now=now)
    return {int(source_id) for source_id in found}


@settings(max_examples=20)
@given(
    answers=st.dictionaries(source_ids, st.tuples(st.binary(), st.floats(0, 1e9)), max_size=8),
    others=st.sets(source_ids),
    max_age_seconds=st.floats(0, 1e9),
)
async def test_answers_come_back_as_they_were_stored_while_they_are_young_enough(
    answers: dict[str, tuple[bytes, float]], others: set[str], max_age_seconds: float
) -> None:
    """Any id and any bytes survive closing and opening; what is too old or was never stored is missing."""
    now = 1e9
    warnings = Warnings()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "cache")
        async with open_cache(path, warnings) as cache:
            for source_id, (payload, fetched_at) in answers.items():
                await cache.put_many(ORIGIN, ENDPOINT, {source_id: payload}, fetched_at=fetched_at)
        async with open_cache(path, warnings) as cache:
            found = await cache.get_many(
                ORIGIN, ENDPOINT, others | answers.keys(), now=now, max_age_seconds=max_age_seconds
            )
            usable = await cache.usable_ids(
                ORIGIN, ENDPOINT, others | answers.keys(), now=now, max_age_seconds=max_age_seconds
            )
    assert usable == found.keys()
    assert {source_id: (entry.payload, entry.fetched_at) for source_id, entry in found.items()} == {
        source_id: answer for source_id, answer in answers.items() if answer[1] >= now - max_age_seconds
    }
    assert warnings == []


async def test_origins_and_endpoints_do_not_mix(path: Path, warnings: Warnings) -> None:
    """A simulator on another port, or another set of properties, gives no answers for this one."""
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        assert await cache.get_many("http://127.0.0.1:8000", ENDPOINT, ["1"], now=0.0) == {}
        assert await cache.get_many(ORIGIN, "synonyms", ["1"], now=0.0) == {}
        assert await held(cache, 1) == {1}


async def test_more_ids_than_a_statement_has_variables_are_looked_up_at_once(
    path: Path, warnings: Warnings
) -> None:
    """The size of a chunk is not the cache's concern."""
    async with open_cache(path, warnings) as cache:
        await put(cache, *range(40_000), size=1)
        assert await held(cache, *range(50_000)) == set(range(40_000))


async def test_a_newer_answer_replaces_an_older_one_and_not_the_reverse(
    path: Path, warnings: Warnings
) -> None:
    """Of two processes that stored the same compound, the later answer stays."""
    async with open_cache(path, warnings) as cache:
        for payload, fetched_at in ((b"first", 10.0), (b"latest", 30.0), (b"between", 20.0)):
            await cache.put_many(ORIGIN, ENDPOINT, {"1": payload}, fetched_at=fetched_at)
        found = await cache.get_many(ORIGIN, ENDPOINT, ["1"], now=30.0)
        part = (await cache.statistics()).total
    assert (found["1"].payload, found["1"].fetched_at) == (b"latest", 30.0)
    assert (part.entries, part.bytes) == (1, len(b"latest"))


async def test_hits_and_misses_outlive_the_process(path: Path, warnings: Warnings) -> None:
    """Statistics add up over openings, by scope; an answer that is too old is a miss."""
    async with open_cache(path, warnings) as cache:
        await put(cache, 1, 2, fetched_at=10.0)
        await held(cache, 1, 2, 3, 3, now=20.0)
    async with open_cache(path, warnings) as cache:
        await cache.get_many(ORIGIN, ENDPOINT, ["1"], now=20.0, max_age_seconds=5.0)
        await cache.get_many(ORIGIN, "synonyms", ["1"], now=20.0)
        statistics = await cache.statistics()
    assert statistics.scopes == {
        CacheScope(origin=ORIGIN, endpoint=ENDPOINT): CachePart(
            entries=2, bytes=200, hits=2, misses=2, oldest=10.0, newest=10.0
        ),
        CacheScope(origin=ORIGIN, endpoint="synonyms"): CachePart(misses=1),
    }
    assert statistics.file_bytes == path.stat().st_size


async def test_the_least_recently_used_entries_make_room(path: Path, warnings: Warnings) -> None:
    """An old answer that is still in use outlives a younger one that is not."""
    async with open_cache(path, warnings, max_bytes=2_000_000) as cache:
        await put(cache, *range(100), fetched_at=0.0, size=3_900)
        await put(cache, *range(100, 300), fetched_at=10 * HOUR, size=3_900)
        await held(cache, *range(50), now=20 * HOUR)
        await cache.statistics()
        for start in range(300, 600, 50):
            await put(cache, *range(start, start + 50), fetched_at=30 * HOUR, size=3_900)
        left = await held(cache, *range(600), now=30 * HOUR)
        assert (await cache.statistics()).file_bytes < 3_000_000
    assert set(range(50)) <= left
    assert set(range(550, 600)) <= left
    assert left.isdisjoint(range(50, 100))


async def test_ids_that_are_only_looked_for_count_as_used_and_not_as_looked_up(
    path: Path, warnings: Warnings
) -> None:
    """They make room last, and leave hits and misses to those who read the answers."""
    async with open_cache(path, warnings) as cache:
        await put(cache, *range(100), size=3_900)
        ids = [str(number) for number in range(50, 120)]
        await cache.usable_ids(ORIGIN, ENDPOINT, ids, now=2 * HOUR, max_age_seconds=HOUR * 3)
        await cache.prune(now=2 * HOUR, max_bytes=300_000)
        total = (await cache.statistics()).total
        left = await held(cache, *range(100))
    assert (total.hits, total.misses) == (0, 0)
    assert set(range(50, 100)) <= left < set(range(100))


async def test_pruning_to_a_size_deletes_no_more_than_needed(path: Path, warnings: Warnings) -> None:
    """The file shrinks to the size asked for, and what was used last stays."""
    async with open_cache(path, warnings) as cache:
        for number in range(200):
            await put(cache, number, fetched_at=float(number), size=20_000)
        report = await cache.prune(now=1_000.0, max_bytes=2_000_000)
        file_bytes = (await cache.statistics()).file_bytes
        left = await held(cache, *range(200))
    assert 1_900_000 < file_bytes <= 2_000_000
    assert left == set(range(200 - len(left), 200))
    assert report == PruneReport(entries=200 - len(left), bytes=20_000 * (200 - len(left)))


async def test_pruning_by_age_deletes_the_older_answers_only(path: Path, warnings: Warnings) -> None:
    """Being used does not make an answer younger."""
    async with open_cache(path, warnings) as cache:
        await put(cache, *range(2_500), fetched_at=0.0)
        await put(cache, 9_999, fetched_at=90.0)
        await held(cache, 1, now=99.0)
        assert await cache.prune(now=100.0, max_age_seconds=50.0) == PruneReport(entries=2_500, bytes=250_000)
        assert await held(cache, 1, 9_999) == {9_999}


async def test_clearing_an_origin_leaves_the_others(path: Path, warnings: Warnings) -> None:
    """What a simulator answered can be thrown away alone, its statistics too."""
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        await cache.put_many("http://127.0.0.1:8000", ENDPOINT, {"1": b"made up"}, fetched_at=0.0)
        await cache.get_many("http://127.0.0.1:8000", ENDPOINT, ["1"], now=0.0)
        assert await cache.clear("http://127.0.0.1:8000") == PruneReport(entries=1, bytes=7)
        assert set((await cache.statistics()).scopes) == {CacheScope(origin=ORIGIN, endpoint=ENDPOINT)}
        assert await held(cache, 1) == {1}
        await cache.clear()
        assert (await cache.statistics()).total == CachePart()


DAMAGED = b"SQLite format 3\x00" + b"\xff" * 52 + b"cryo" + b"\xff" * 9_000
"""The first page still says whose file it is, and nothing else."""


@pytest.mark.parametrize("content", [b"", DAMAGED], ids=["empty", "damaged"])
async def test_a_cache_that_cannot_be_read_is_moved_aside(
    path: Path, warnings: Warnings, content: bytes
) -> None:
    """The run starts with an empty cache, and the file can still be looked at."""
    path.parent.mkdir()
    path.write_bytes(content)
    path.with_name(f"{path.name}.corrupt-1").write_bytes(b"an earlier one")
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        assert await held(cache, 1) == {1}
    aside = path.with_name(f"{path.name}.corrupt-2")
    assert aside.read_bytes() == content
    assert [(problem.action, problem.moved_to) for problem in warnings] == [(CacheAction.OPEN, aside)]


async def test_a_cache_of_another_version_is_moved_aside(path: Path, warnings: Warnings) -> None:
    """Neither an older nor a newer layout is guessed at."""
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    async with open_cache(path, warnings) as cache:
        assert await held(cache, 1) == set()
    assert [problem.moved_to is not None for problem in warnings] == [True]


def _a_list_of_ids(path: Path) -> None:
    path.write_text("2244\n" * 1_000)


def _another_programs_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (id)")


@pytest.mark.parametrize("make", [_a_list_of_ids, _another_programs_database])
async def test_a_file_that_is_no_cache_is_left_alone(
    path: Path, warnings: Warnings, make: Callable[[Path], None]
) -> None:
    """A wrong path costs the cache, not the user's data."""
    path.parent.mkdir()
    make(path)
    before = path.read_bytes()
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        assert await held(cache, 1) == set()
        assert (await cache.statistics()).write_failures == 1
    assert path.read_bytes() == before
    assert [(problem.action, problem.is_off) for problem in warnings] == [(CacheAction.OPEN, True)]


async def test_damage_found_while_reading_costs_the_answers_and_not_the_run(
    path: Path, warnings: Warnings
) -> None:
    """Pages overwritten behind a sound first page are met late, and a new file takes over at once."""
    async with open_cache(path, warnings) as cache:
        await put(cache, *range(2_000))
    content = bytearray(path.read_bytes())
    content[2 * 8192 :] = b"\xa5" * (len(content) - 2 * 8192)
    path.write_bytes(content)
    async with open_cache(path, warnings) as cache:
        assert await held(cache, *range(2_000)) == set()
        await put(cache, 1)
        assert await held(cache, 1) == {1}
        assert (await cache.statistics()).read_failures == 1
    assert [problem.moved_to for problem in warnings] == [path.with_name(f"{path.name}.corrupt-1")]


async def test_a_damaged_file_that_another_process_uses_is_not_renamed(
    path: Path, warnings: Warnings
) -> None:
    """Renaming an open SQLite file would damage the next one too."""
    async with open_cache(path, warnings):
        path.write_bytes(b"overwritten by a stranger")
        async with open_cache(path, warnings) as second:
            await put(second, 1)
            assert await held(second, 1) == set()
        assert path.read_bytes() == b"overwritten by a stranger"
    assert [problem.is_off for problem in warnings] == [True]


@pytest.mark.parametrize("obstacle", ["file for a directory", "directory for a file"])
async def test_a_path_that_cannot_be_used_is_done_without(
    path: Path, warnings: Warnings, obstacle: str
) -> None:
    """The run goes on with misses and says why."""
    if obstacle == "file for a directory":
        path.parent.write_text("in the way", encoding="utf-8")
    else:
        path.mkdir(parents=True)
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        assert await held(cache, 1) == set()
        assert await cache.prune(now=0.0, max_bytes=0) == await cache.clear() == PruneReport()
    assert [(problem.action, problem.is_off) for problem in warnings] == [(CacheAction.OPEN, True)]


@pytest.mark.parametrize(
    ("restriction", "reason"),
    [("PRAGMA max_page_count = 20", "full"), ("PRAGMA query_only = ON", "readonly")],
)
async def test_what_cannot_be_written_is_dropped_counted_and_told_once(
    path: Path, warnings: Warnings, restriction: str, reason: str
) -> None:
    """A full disk or a read-only file system costs answers; those that are there can still be read."""
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        assert cache._connection is not None
        await cache._connection.execute_fetchall(restriction)
        for _ in range(3):
            await put(cache, *range(2, 2_000))
        assert await held(cache, 1, 2) == {1}
        assert (await cache.statistics()).write_failures >= 3
    assert [problem.action for problem in warnings] == [CacheAction.WRITE]
    assert reason in warnings[0].reason


async def test_a_writer_that_never_ends_costs_answers_only(path: Path, warnings: Warnings) -> None:
    """While another process holds the write lock, reads go on and writes are dropped."""
    async with open_cache(path, warnings) as cache:
        await put(cache, 1)
        assert cache._connection is not None
        await cache._connection.execute_fetchall("PRAGMA busy_timeout = 0")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await put(cache, 2)
            assert await held(cache, 1, 2) == {1}
        await put(cache, 3)
        assert await held(cache, 1, 2, 3) == {1, 3}
    assert [problem.action for problem in warnings] == [CacheAction.WRITE]


async def test_a_cancelled_write_leaves_the_cache_usable(path: Path, warnings: Warnings) -> None:
    """Stopping at any await of a transaction rolls it back, and the next one is not disturbed."""
    async with open_cache(path, warnings) as cache:
        for switches in range(12):
            writing = asyncio.create_task(put(cache, *range(300)))
            for _ in range(switches):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait([writing])
            await put(cache, 1_000 + switches)
        assert await held(cache, *range(1_000, 1_012)) == set(range(1_000, 1_012))
        assert len(await held(cache, *range(300))) in {0, 300}
    assert warnings == []


async def test_many_tasks_share_one_cache(path: Path, warnings: Warnings) -> None:
    """Transactions of concurrent workers do not run into one another."""
    async with open_cache(path, warnings) as cache, asyncio.TaskGroup() as group:
        for start in range(0, 1_000, 50):
            group.create_task(put(cache, *range(start, start + 50)))
            group.create_task(held(cache, *range(start, start + 50)))
    async with open_cache(path, warnings) as cache:
        assert await held(cache, *range(1_000)) == set(range(1_000))
    assert warnings == []


WRITER = """
import asyncio
import sys
from pathlib import Path
from cryoasync.http.cache import ResponseCache

def fail(problem: object) -> None:
    sys.exit(str(problem))

async def write(path: Path, first: int, blocks: int) -> None:
    async with ResponseCache.open(path, max_bytes=10**9, warn=fail) as cache:
        for start in range(first, first + 100 * blocks, 100):
            payloads = {str(number): b"%01000d" % number for number in range(start, start + 100)}
            await cache.put_many("o", "e", payloads, fetched_at=0.0)
            print(start, flush=True)

asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
"""


def start_writer(path: Path, first: int, blocks: int) -> subprocess.Popen[str]:
    """Start a process that writes blocks of a hundred answers and names each block it has written."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), str(blocks)], stdout=subprocess.PIPE, text=True
    )


async def test_processes_that_start_at_once_share_a_new_cache(path: Path, warnings: Warnings) -> None:
    """None finds a file half made, and none loses the other's answers."""
    writers = [start_writer(path, first, blocks=10) for first in (0, 1_000, 2_000)]
    outputs = [await asyncio.to_thread(writer.communicate) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], outputs
    async with open_cache(path, warnings) as cache:
        found = await cache.get_many("o", "e", [str(number) for number in range(3_000)], now=0.0)
    assert len(found) == 3_000
    assert all(int(entry.payload) == int(source_id) for source_id, entry in found.items())


async def test_a_killed_process_leaves_whole_answers(path: Path, warnings: Warnings) -> None:
    """After kill -9 each block that was reported is there, no block in part, and the file is sound."""
    reported: list[int] = []
    for first in (0, 1_000_000, 2_000_000):
        writer = start_writer(path, first, blocks=10_000)
        assert writer.stdout is not None
        reported += [int(await asyncio.to_thread(writer.stdout.readline)) for _ in range(3)]
        writer.send_signal(signal.SIGKILL)
        await asyncio.to_thread(writer.communicate)
    async with open_cache(path, warnings) as cache:
        for start in [*reported, *(start + 100 for start in reported)]:
            ids = [str(number) for number in range(start, start + 100)]
            found = await cache.get_many("o", "e", ids, now=0.0)
            assert len(found) == 100 or (start not in reported and not found)
            assert all(int(entry.payload) == int(source_id) for source_id, entry in found.items())
    assert warnings == []
