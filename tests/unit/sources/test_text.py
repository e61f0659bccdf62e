"""Lines of text, however the file was stored."""

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cryoasync.errors import InputError
from cryoasync.sources.text import open_lines, read_lines


def read(path: Path) -> list[str]:
    with open_lines(path) as lines:
        return list(lines)


@pytest.mark.parametrize("store", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_come_without_mark_and_line_ends(tmp_path: Path, store: type) -> None:
    """A byte order mark, CR LF and a missing last line end leave no trace, in plain and gzip files alike."""
    path = tmp_path / "ids.txt"
    path.write_bytes(store(b"\xef\xbb\xbf2244\r\n\n702"))
    assert read(path) == ["2244", "", "702"]


def test_a_line_that_is_not_utf8_is_read_as_latin1(tmp_path: Path) -> None:
    """One Latin-1 line does not change how the UTF-8 lines around it are read."""
    path = tmp_path / "names.txt"
    path.write_bytes("Glycérol\n".encode() + b"M\xe9thanol\n" + "β-lactose\n".encode())
    assert read(path) == ["Glycérol", "Méthanol", "β-lactose"]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    """An empty file is not an error here; whoever needs content says so."""
    path = tmp_path / "empty.txt"
    path.touch()
    assert read(path) == []


@pytest.mark.parametrize("store", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_binary_file_is_refused_before_its_first_line(tmp_path: Path, store: type) -> None:
    """A NUL byte near the start marks a binary file."""
    path = tmp_path / "ids.xlsx"
    path.write_bytes(store(b"PK\x03\x04\x00\x00"))
    with pytest.raises(InputError, match=r"ids\.xlsx is a binary file"), open_lines(path):
        pass


def test_lines_of_old_macintosh_systems_are_refused_by_their_name(tmp_path: Path) -> None:
    """Else the file would be one long line; a carriage return behind the only line is no such thing."""
    path = tmp_path / "ids.csv"
    path.write_bytes(b"cid\r2244\r702\r")
    with pytest.raises(InputError, match=r"ids\.csv end as on old Macintosh") as refused:
        read(path)
    assert refused.value.hint == "Save it with the line ends of Unix or Windows."
    path.write_bytes(b"2244\r")
    assert read(path) == ["2244"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(InputError, match=r"nowhere\.txt does not exist"):
        read(tmp_path / "nowhere.txt")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory is told from a missing file."""
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)


def test_a_truncated_gzip_file_gives_its_lines_and_then_says_so(tmp_path: Path) -> None:
    """What precedes the cut is read; the error names the line that was reached."""
    path = tmp_path / "ids.gz"
    whole = gzip.compress("".join(f"{number}\n" for number in range(100_000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    seen: list[str] = []
    with (
        pytest.raises(InputError, match="truncated gzip file") as caught,
        open_lines(path) as lines,
    ):
        seen.extend(lines)
    assert len(seen) > 1_000
    assert f"after line {len(seen)}." in caught.value.message


def test_a_damaged_gzip_file_is_told_from_a_truncated_one(tmp_path: Path) -> None:
    """A flipped byte in the compressed data is reported as damage."""
    path = tmp_path / "ids.gz"
    damaged = bytearray(gzip.compress(b"2244\n" * 1_000, compresslevel=0))
    damaged[10] = 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(InputError, match="damaged gzip file"):
        read(path)


def test_a_line_without_end_is_not_read_whole(tmp_path: Path) -> None:
    """A file of one endless line is refused instead of filling the memory."""
    path = tmp_path / "long.txt.gz"
    path.write_bytes(gzip.compress(b"C" * (16 * 1024 * 1024 + 1)))
    with pytest.raises(InputError, match="longer than 16 MiB"):
        read(path)


class Pieces(io.RawIOBase):
    """A pipe that brings its content a few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._rest = content
        self._size = size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give the next piece."""
        piece, self._rest = self._rest[: self._size], self._rest[self._size :]
        buffer[: len(piece)] = piece
        return len(piece)


CONTENT = st.lists(
    st.sampled_from([b"C", "é".encode(), "é".encode("latin-1"), b"\n", b"\r\n", b"\r", b" ", "β".encode()]),
    max_size=60,
).map(b"".join)


@given(content=CONTENT, size=st.integers(1, 9))
def test_lines_do_not_depend_on_the_pieces_they_come_in(content: bytes, size: int) -> None:
    """A piece may end in the middle of a line, of a line end, or of a character."""
    assume(b"\n" in content or b"\r" not in content.rstrip())
    *ended, last = content.split(b"\n")
    expected = []
    for line in [*ended, *([last] if last else [])]:
        bare = line.rstrip(b"\r")
        try:
            expected.append(bare.decode())
        except UnicodeDecodeError:
            expected.append(bare.decode("latin-1"))
    assert list(read_lines(io.BufferedReader(Pieces(content, size)), "a pipe")) == expected
