"""Items by their positions in a run."""

import asyncio
import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryoasync.errors import InputError
from cryoasync.sources.files.collection import StructureFiles
from cryoasync.sources.files.record_reader import RecordReader
from tests.unit.sources.files.builders import sdf, written
from tests.unit.sources.files.test_collection import digest_of

ITEMS = 30


def reader_of(*paths: Path) -> RecordReader:
    """A reader of files as they are now."""
    files = StructureFiles(paths)
    return RecordReader(files, digest_of(files))


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Thirty records, ten of them in the second file."""
    folder = tmp_path_factory.mktemp("files")
    first = written(folder / "a.smi", "".join(f"{'C' * (n + 1)}\n" for n in range(20)))
    second = written(folder / "b.smi", "".join(f"{'C' * (n + 1)}\n" for n in range(20, ITEMS)))
    return first, second


@given(questions=st.lists(st.sets(st.integers(0, ITEMS - 1)).map(sorted), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_position_has_its_item_whatever_is_asked_before(
    two_files: tuple[Path, Path], questions: list[list[int]]
) -> None:
    """Forward, further back, the same once more, none at all."""

    async def ask() -> None:
        async with reader_of(*two_files) as reader:
            for positions in questions:
                taken = await reader.take(positions)
                assert [len(getattr(item, "smiles", "")) - 1 for item in taken] == positions

    asyncio.run(ask())


async def test_a_question_that_is_given_up_does_no_harm(two_files: tuple[Path, Path]) -> None:
    """What its thread still does ends before the next question is answered."""
    async with reader_of(*two_files) as reader:
        for _ in range(20):
            given_up = asyncio.create_task(reader.take(range(25)))
            await asyncio.sleep(0)
            given_up.cancel()
            (item,) = await reader.take([3])
            assert item.entry_id == f"{two_files[0]}#4"


async def test_closing_does_not_wait_for_a_long_way_through_the_files(tmp_path: Path) -> None:
    """A stop in the middle of the way to where a run was is not a stop at its end."""
    path = written(tmp_path / "a.smi", "C\n" * 400_000)
    async with reader_of(path) as reader:
        question = asyncio.create_task(reader.take([399_999]))
        while reader.position == 0:  # noqa: ASYNC110 - another thread moves it
            await asyncio.sleep(0)
        question.cancel()
    assert reader.position < 399_999


async def test_files_that_change_meanwhile_are_refused(tmp_path: Path) -> None:
    """Nothing is taken of content that the run does not know."""
    path = written(tmp_path / "a.smi", "C\nCC\n")
    async with reader_of(path) as reader:
        await reader.take([0])
        written(path, "N\nNN\n")
        with pytest.raises(InputError, match="was changed while it was being read"):
            await reader.take([1])


async def test_damage_is_told_wherever_reading_stopped(tmp_path: Path) -> None:
    """Before it, behind it, or at the very start."""
    content = gzip.compress("".join(sdf(str(n), n % 90 + 1) for n in range(500)).encode())
    cut = written(tmp_path / "a.sdf.gz", content[: len(content) // 2])
    whole = written(tmp_path / "b.smi", "C\n")
    last = len(list(StructureFiles([cut, whole]).items())) - 1
    for positions in ([], [0], [last], [last, 0]):
        async with reader_of(cut, whole) as reader:
            for position in positions:
                await reader.take([position])
            damage = await reader.damage()
            assert damage is not None
            assert damage.record == last
    async with reader_of(whole) as reader:
        assert await reader.damage() is None
