"""The words INPUT of a command line."""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cryoasync.errors import InputError
from cryoasync.sources.input_words import (
    IdentifierRange,
    ListCopy,
    ListFile,
    Reading,
    WordSource,
    source_of_word,
)
from cryoasync.sources.pubchem.identifiers import CID_SCHEME


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Close what the words opened."""
    with ExitStack() as stack:
        yield stack


def understand(word: str, stack: ExitStack, stdin: bytes = b"") -> WordSource:
    """Understand a word as one of a list of CIDs."""
    return source_of_word(word, scheme=CID_SCHEME, stdin=io.BytesIO(stdin), stack=stack)


def numbers(readings: Iterator[Reading]) -> list[object]:
    """Keep what the lines were read as."""
    return [number for _, _, number in readings]


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [
        ("2244", 2244, 2244),
        ("CID2244", 2244, 2244),
        ("2244.0", 2244, 2244),
        ("1-5000", 1, 5000),
        ("1 - 3", 1, 3),
        ("CID1-CID3", 1, 3),
        ("7-7", 7, 7),
        ("1-2147483647", 1, 2147483647),
    ],
)
def test_identifiers_and_ranges_are_understood(word: str, first: int, last: int, stack: ExitStack) -> None:
    """A range is kept by its ends, so that no list of two billion numbers is made."""
    assert understand(word, stack) == IdentifierRange(origin=word, first=first, last=last)


def test_a_range_holds_both_its_ends() -> None:
    """1-3 are three compounds."""
    assert numbers(IdentifierRange(origin="1-3", first=1, last=3).readings()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("missing.txt", r"no such file, and no CID \(not a number\)"),
        ("no-such-file", r"no such file, and no CID \(not a number\)"),
        ("2024-list.txt", r"no range of CIDs \(list.txt: not a number\)"),
        ("-5", r"no CID \(negative\)"),
        ("99999999999", r"no CID \(above 2147483647\)"),
        ("0-5", r"no range of CIDs \(0: below 1\)"),
        ("1-2147483648", r"no range of CIDs \(2147483648: above 2147483647\)"),
        ("5000-1", "the range runs backwards"),
        ("", r"no CID \(empty\)"),
        ("nul\0byte", "no such file"),
        ("long" * 5_000, "no such file"),
    ],
)
def test_a_word_that_is_nothing_says_why(
    word: str, problem: str, stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal names the word and the reason."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=problem) as caught:
        understand(word, stack)
    assert caught.value.message.startswith(word)


def test_an_existing_path_wins_over_an_identifier(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may be named like a CID."""
    monkeypatch.chdir(tmp_path)
    Path("2244").write_text("702\n", encoding="utf-8")
    source = understand("2244", stack)
    assert isinstance(source, ListFile)
    assert numbers(source.readings()) == [702]


def test_standard_input_can_be_read_twice(stack: ExitStack) -> None:
    """A run reads its input once for the digest and once for the database."""
    source = understand("-", stack, stdin=b"2244\n2519\n")
    assert isinstance(source, ListCopy)
    assert numbers(source.readings()) == numbers(source.readings()) == [2244, 2519]


def test_a_file_is_named_in_the_error_about_its_content(stack: ExitStack, tmp_path: Path) -> None:
    """An empty file, one of comments, and a header without rows hold nothing."""
    path = tmp_path / "ids.txt"
    for content in ("", "\n\n", "# nothing\n", "cid,name\n"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"ids\.txt holds no CID"):
            list(understand(str(path), stack).readings())


def test_a_directory_is_no_list(stack: ExitStack, tmp_path: Path) -> None:
    """The error is about the directory, not about a missing file."""
    with pytest.raises(InputError, match="is a directory"):
        list(understand(str(tmp_path), stack).readings())


@pytest.mark.parametrize("valid_lines", [0, 8_999])
def test_more_than_a_thousand_invalid_lines_among_the_first_ten_thousand_are_refused(
    valid_lines: int, stack: ExitStack, tmp_path: Path
) -> None:
    """The wrong file is refused before anything starts, with an example."""
    path = tmp_path / "ids.txt"
    path.write_text("702\n" * valid_lines + "foo\n" * 1_001, encoding="utf-8")
    with pytest.raises(InputError, match=r"is no list of CIDs.*line \d+: 'foo' \(not a number\)"):
        list(understand(str(path), stack).readings())


@pytest.mark.parametrize(
    "content", ["foo\n" * 1_000 + "702\n" * 9_000, "702\n" * 9_000 + "foo\n" * 1_000 + "foo\n" * 5_000]
)
def test_a_thousand_invalid_lines_and_later_ones_are_borne(
    content: str, stack: ExitStack, tmp_path: Path
) -> None:
    """One line in ten may be wrong, and what comes after 10,000 lines is only recorded."""
    path = tmp_path / "ids.txt"
    path.write_text(content, encoding="utf-8")
    assert numbers(understand(str(path), stack).readings()).count(702) == 9_000


def test_a_file_that_changed_before_it_is_read_is_refused(stack: ExitStack, tmp_path: Path) -> None:
    """The second reading must see what the first saw."""
    path = tmp_path / "ids.txt"
    path.write_text("2244\n", encoding="utf-8")
    source = understand(str(path), stack)
    path.write_text("2244\n2519\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"ids\.txt was changed"):
        list(source.readings())


@pytest.mark.parametrize("change", ["append", "touch", "remove"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    change: str, stack: ExitStack, tmp_path: Path
) -> None:
    """A list that is still being written is no list yet."""
    path = tmp_path / "ids.txt"
    path.write_text("2244\n2519\n", encoding="utf-8")
    readings = understand(str(path), stack).readings()
    next(readings)
    match change:
        case "append":
            path.write_text("2244\n2519\n702\n", encoding="utf-8")
        case "touch":
            os.utime(path, ns=(1, 1))
        case _:
            path.unlink()
    with pytest.raises(InputError, match=r"ids\.txt was changed"):
        list(readings)
