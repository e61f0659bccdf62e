"""A run's input as one stream of distinct entries."""

import gzip
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.errors import InputError
from cryoasync.sources.identifiers import IdentifierScheme, InvalidIdentifier
from cryoasync.sources.input import InputDigest, InputEntry, InputList, InvalidEntry
from cryoasync.sources.pubchem.identifiers import CID_SCHEME

cid_lists = st.lists(st.integers(min_value=1, max_value=2**31 - 1) | st.integers(1, 5), min_size=1)


def open_list(*words: str, stdin: bytes = b"", limit: int | None = None) -> list[InputEntry | InvalidEntry]:
    """Read the whole input that the words name."""
    with InputList.open(words, scheme=CID_SCHEME, stdin=io.BytesIO(stdin), limit=limit) as input_list:
        return [entry for block in input_list.blocks() for entry in block.entries]


def digest(*words: str, stdin: bytes = b"", limit: int | None = None) -> InputDigest:
    """Digest the input that the words name."""
    with InputList.open(words, scheme=CID_SCHEME, stdin=io.BytesIO(stdin), limit=limit) as input_list:
        return input_list.digest()


def source_ids(entries: Sequence[InputEntry | InvalidEntry]) -> list[str]:
    """Keep the valid identifiers."""
    return [entry.source_id for entry in entries if isinstance(entry, InputEntry)]


@given(ids=cid_lists)
def test_each_distinct_identifier_comes_once_in_the_order_it_was_first_met(ids: list[int]) -> None:
    """Duplicates are dropped and counted; nothing else is."""
    stdin = "".join(f"{cid}\n" for cid in ids).encode()
    distinct = list(dict.fromkeys(map(str, ids)))
    assert source_ids(open_list("-", stdin=stdin)) == distinct
    found = digest("-", stdin=stdin)
    assert (found.valid, found.invalid, found.duplicates) == (len(distinct), 0, len(ids) - len(distinct))
    assert found.sha256 == hashlib.sha256("".join(f"{cid}\n" for cid in distinct).encode()).hexdigest()


@given(ids=cid_lists)
def test_the_digest_does_not_depend_on_the_form_of_the_list(ids: list[int]) -> None:
    """The same compounds in the same order are the same run."""
    plain = "\n".join(map(str, ids)).encode()
    table = ("\ufeffname;Compound_CID\n" + "".join(f'"a;b";CID{cid}.0\r\n' for cid in ids)).encode()
    assert digest("-", stdin=plain).sha256 == digest("-", stdin=gzip.compress(table)).sha256


def test_a_range_has_the_digest_of_the_list_it_stands_for() -> None:
    """A range is a way to write a list."""
    assert digest("1-25000") == digest("-", stdin="".join(f"{cid}\n" for cid in range(1, 25_001)).encode())


def test_lines_that_are_no_identifiers_do_not_change_the_digest() -> None:
    """Taking a wrong line out of a list leaves the run the same."""
    assert digest("-", stdin=b"2244\nfoo\n2519\n").sha256 == digest("2244", "2519").sha256


def test_the_order_of_a_list_changes_its_digest() -> None:
    """Checkpoints are positions, so the order belongs to the run."""
    assert digest("2244", "2519").sha256 != digest("2519", "2244").sha256


def test_entries_of_all_words_are_distinct_together_and_know_where_they_stood(tmp_path: Path) -> None:
    """A compound that two words name is imported once, for the first of them."""
    path = tmp_path / "ids.txt"
    path.write_text("2\n\nCID7\nfoo\nfoo\n-5\n", encoding="utf-8")
    words = ("1-3", str(path), "7", "9")
    assert open_list(*words) == [
        *(InputEntry(str(cid), None, "1-3") for cid in (1, 2, 3)),
        InputEntry("7", 3, str(path)),
        InvalidEntry("foo", 4, str(path), "not a number"),
        InvalidEntry("-5", 6, str(path), "negative"),
        InputEntry("9", None, "9"),
    ]
    found = digest(*words)
    assert (found.valid, found.invalid, found.duplicates, found.requested) == (5, 2, 3, 7)


def test_rows_without_any_text_are_entries_of_their_own() -> None:
    """Two rows whose cell is empty are two faults, each with its line."""
    stdin = b"cid,name\n2244,aspirin\n,caffeine\n,ethanol\n"
    assert [entry.line for entry in open_list("-", stdin=stdin)] == [2, 3, 4]


def test_the_input_comes_in_blocks_of_at_most_ten_thousand_entries() -> None:
    """A caller can do other work between two blocks of a long list."""
    with InputList.open(["1-25000"], scheme=CID_SCHEME, stdin=io.BytesIO()) as input_list:
        assert [len(block.entries) for block in input_list.blocks()] == [10_000, 10_000, 5_000]


@pytest.mark.parametrize("words", [("1-2147483647",), ("1-10", "5-60"), ("-",)])
def test_a_limit_counts_distinct_identifiers(words: tuple[str, ...]) -> None:
    """Duplicates and invalid lines do not use the limit up, and what comes after it is not read."""
    stdin = b"1\nfoo\n1\n" + b"".join(b"%d\n" % cid for cid in range(2, 100))
    assert source_ids(open_list(*words, stdin=stdin, limit=25)) == [str(cid) for cid in range(1, 26)]


def test_a_limit_above_the_list_takes_the_whole_list() -> None:
    """A limit is no demand."""
    assert source_ids(open_list("1-3", limit=25)) == ["1", "2", "3"]


def test_an_input_without_any_valid_identifier_is_refused_with_an_example() -> None:
    """Nothing is started for nothing."""
    with pytest.raises(InputError, match=r"no valid CID: standard input, line 2: 'foo' \(not a number\)"):
        digest("-", stdin=b"\nfoo\nbar\n")


def test_no_word_at_all_is_refused() -> None:
    """The error says what could be given."""
    with pytest.raises(InputError, match="No input is given"):
        digest()


def test_standard_input_is_taken_only_once() -> None:
    """A second reading of it would find nothing."""
    with pytest.raises(InputError, match="only once"):
        digest("-", "-")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    """An SD file in gzip, or a workbook, is no list."""
    path = tmp_path / "ids.xlsx"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(InputError, match="binary"):
        digest(str(path))


def test_an_invalid_text_is_kept_short_and_storable() -> None:
    """A line of any length and content fits a column of text."""
    stdin = b"2244\n" * 2_000 + b"a\x00" + b"x" * 1_000 + b"\n"
    (invalid,) = [entry for entry in open_list("-", stdin=stdin) if isinstance(entry, InvalidEntry)]
    assert invalid.text == "a\N{REPLACEMENT CHARACTER}" + "x" * 198


def test_another_source_needs_nothing_but_a_scheme() -> None:
    """Identifiers with a prefix of their own are read, and written, by the scheme alone."""

    def parse(text: str) -> int | InvalidIdentifier:
        digits = text.upper().removeprefix("X")
        return int(digits) if digits.isdecimal() else InvalidIdentifier(reason="no X and digits")

    scheme = IdentifierScheme(
        label="X", column_names=frozenset({"x_id"}), parse=parse, text_of=lambda number: f"X{number}"
    )
    stdin = io.BytesIO(b"X ID,name\nx7,seven\n8,eight\n")
    with InputList.open(["-", "X1-X2"], scheme=scheme, stdin=stdin) as input_list:
        blocks = list(input_list.blocks())
    assert source_ids([entry for block in blocks for entry in block.entries]) == ["X7", "X8", "X1", "X2"]
