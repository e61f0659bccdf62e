"""The files of a run as one stream of items."""

import gzip
import os
from pathlib import Path

import pytest

from cryoasync.errors import InputError
from cryoasync.sources.files.collection import FilesDigest, StructureFiles
from cryoasync.sources.files.models import Unreadable
from tests.unit.sources.files.builders import dump, sdf, written

BROKEN = "no molecule\n$$$$\n"


def digest_of(files: StructureFiles) -> FilesDigest:
    """The digest, at the end of the steps towards it."""
    *steps, digest = files.hashing()
    assert set(steps) <= {None}
    assert digest is not None
    return digest


def test_the_digest_is_of_the_content_alone(tmp_path: Path) -> None:
    """Neither names nor times change it; bytes, and which file holds them, do."""
    a, b = written(tmp_path / "a.smi", "C\nCC\n"), written(tmp_path / "b.smi", "CCC\n")
    digest = digest_of(StructureFiles([a, b])).sha256
    os.utime(a, (0, 0))
    (tmp_path / "moved").mkdir()
    assert digest_of(StructureFiles([a.rename(tmp_path / "moved" / "c.smi"), b])).sha256 == digest
    written(a, "C\nCC\nCCC\n")
    written(b, "")
    assert digest_of(StructureFiles([a, b])).sha256 != digest


@pytest.mark.parametrize(
    "change",
    [
        lambda path: written(path, "N\n"),
        lambda path: os.utime(path, (1, 1)),
        lambda path: written(path.with_suffix(".new"), "C\n").replace(path),
        lambda path: path.unlink(),
    ],
    ids=["other content", "another time", "another file", "no file"],
)
def test_a_file_that_was_touched_is_no_longer_the_digested_one(tmp_path: Path, change: object) -> None:
    """Size, time or identity tell."""
    path = written(tmp_path / "a.smi", "C\n")
    digest = digest_of(StructureFiles([path]))
    digest.require_unchanged()
    assert callable(change)
    change(path)
    with pytest.raises(InputError, match=r"a\.smi (was changed|does not exist)"):
        digest.require_unchanged()


def test_a_file_has_one_path_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through folders that are links too; a link to a file keeps its own name, whose ending tells the format."""
    stored = written(tmp_path / "a1b2c3", "C\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.smi").symlink_to(stored)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    files = StructureFiles.named(["data/mine.smi", "link/mine.smi", f"{tmp_path}/data/../link/mine.smi"])
    assert files.paths == (tmp_path / "data" / "mine.smi",)
    assert len(list(files.items())) == 1


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The database could not hold it."""
    path = written(tmp_path / os.fsdecode(b"caf\xe9.smi"), "C\n")
    with pytest.raises(InputError, match="not in UTF-8"):
        StructureFiles.named([str(path)])


def test_items_follow_one_another_over_all_files(tmp_path: Path) -> None:
    """Each under the id that its run knows it by."""
    a = written(tmp_path / "a.sdf", sdf("one") + BROKEN + dump(962, "O"))
    b = written(tmp_path / "b.smi", "C\n\nCC\n")
    assert [item.entry_id for item in StructureFiles([a, b]).items()] == [
        f"{a}#1",
        f"{a}#2",
        "962",
        f"{b}#1",
        f"{b}#3",
    ]


def test_damage_in_the_middle_ends_its_file_alone(tmp_path: Path) -> None:
    """One item stands for all that is lost, and the next file is read."""
    content = gzip.compress("".join(sdf(str(n), n % 90 + 1) for n in range(2000)).encode())
    a = written(tmp_path / "a.sdf.gz", content[: len(content) // 2])
    b = written(tmp_path / "b.smi", "C\n")
    *read, lost, last = StructureFiles([a, b]).items()
    assert isinstance(lost, Unreadable)
    assert (lost.record, lost.ends_file) == (len(read) + 1, True)
    assert lost.reason.startswith("the file is a truncated gzip file: it ends after line ")
    assert last.file == str(b)


def test_one_in_ten_records_may_be_broken(tmp_path: Path) -> None:
    """A thousand in the first ten thousand; behind them any number."""
    good, broken = "C\n", ",\n"
    path = written(tmp_path / "a.smi", broken * 1000 + good * 9000 + broken * 2000)
    assert sum(isinstance(item, Unreadable) for item in StructureFiles([path]).items()) == 3000
    written(path, good * 100 + broken * 1001)
    with pytest.raises(InputError, match=r"for example record 1101: begins with a separator"):
        list(StructureFiles([path]).items())
