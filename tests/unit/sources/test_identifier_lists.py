"""The layouts of lists of identifiers."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.errors import InputError
from cryoasync.sources.identifier_lists import identifier_texts
from cryoasync.sources.pubchem.identifiers import CID_SCHEME

cids = st.lists(st.integers(min_value=1, max_value=2**31 - 1), min_size=1, max_size=20)
cells = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12
).filter(lambda cell: not cell.strip().startswith("#"))


def read(text: str) -> list[tuple[int, str]]:
    """Read a list given as one text."""
    return list(identifier_texts(iter(text.splitlines()), "ids.csv", CID_SCHEME))


def numbers(texts: list[tuple[int, str]]) -> list[int]:
    """Read the texts as plain numbers."""
    return [int(text) for _, text in texts]


@given(ids=cids)
def test_one_identifier_a_line_is_read_back(ids: list[int]) -> None:
    """The plain form: each line is one identifier, numbered from 1."""
    assert read("\n".join(map(str, ids))) == [(line, str(cid)) for line, cid in enumerate(ids, start=1)]


@given(ids=cids, names=st.lists(cells, min_size=20, max_size=20))
def test_the_first_column_of_a_tsv_is_read_back(ids: list[int], names: list[str]) -> None:
    """NCBI's layout: no header, no quoting, whatever quotation marks the names hold."""
    lines = [f"{cid}\t{name}" for cid, name in zip(ids, names, strict=False)]
    assert numbers(list(identifier_texts(iter(lines), "CID-Synonym", CID_SCHEME))) == ids


@given(
    ids=cids,
    names=st.lists(cells, min_size=20, max_size=20),
    delimiter=st.sampled_from(",;"),
    header=st.sampled_from(["cid", "CID", "Compound_CID"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    column=st.integers(min_value=0, max_value=2),
)
def test_the_named_column_of_a_csv_is_read_back(
    *, ids: list[int], names: list[str], delimiter: str, header: str, quoting: int, column: int
) -> None:
    """Any delimiter, quoting, header and position of the column give the same identifiers."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    for first, name in [(header, "cmpdname"), *zip(map(str, ids), names, strict=False)]:
        row = [name, "x"]
        row.insert(column, first)
        writer.writerow(row)
    lines = file.getvalue().split("\r\n")
    assert numbers(list(identifier_texts(iter(lines), "ids.csv", CID_SCHEME))) == ids


@pytest.mark.parametrize(
    "text",
    [
        "cid\n2244\n2519",
        '"cid"\n"2244"\n"2519"',
        '"2244"\n"2519"',
        '"","cid"\n"1",2244\n"2",2519',
        "CID\tname\n2244\taspirin\n2519\tcaffeine",
        "name\tcid\naspirin\t2244\ncaffeine\t2519",
        "2244,aspirin\n2519,caffeine",
        "2244,\n2519,",
        'name, cid\naspirin, 2244\n"caffeine, pure", 2519',
        "cid;weight\n2244;180,16\n2519;194,19",
        "2244\tCID\n2519\tcid",
        "2244 # aspirin\n2519#caffeine",
        "# a list\n\n  # another, comment\n2244\n   \n2519\n#end",
        '# "a comment, quoted\ncid,name\n\n# "another\n2244,aspirin\n,\n2519,caffeine',
        'cid,name\n2244,"aspirin\n# no comment\n2"\n2519,caffeine',
    ],
)
def test_lists_as_programs_write_them_hold_their_identifiers(text: str) -> None:
    """R, pandas, Excel, NCBI and people write the same two compounds."""
    assert numbers(read(text)) == [2244, 2519]


def test_rows_of_a_csv_are_named_by_their_first_line() -> None:
    """Comments before the header and line breaks in cells do not shift the line numbers."""
    text = '# comment\n\nname,cid\n"two\nlines",2244\n\n# comment\ncaffeine,2519\nshort'
    assert read(text) == [(4, "2244"), (8, "2519"), (9, "")]


def test_a_line_without_an_identifier_is_kept_as_it_is() -> None:
    """Whether a text is an identifier is not for the layout to decide."""
    assert read("2244\nfoo\n-5") == [(1, "2244"), (2, "foo"), (3, "-5")]


@pytest.mark.parametrize("text", ["", "\n \n", "# only\n# comments"])
def test_a_list_without_content_has_no_identifiers(text: str) -> None:
    """Blank lines and comments are nothing."""
    assert read(text) == []


def test_a_csv_without_the_column_names_what_it_saw_and_what_it_wanted() -> None:
    """The error lets the user rename the right column."""
    with pytest.raises(InputError, match=r"ids\.csv, line 2: none of the columns name, weight ") as caught:
        read("# export\nname,weight\naspirin,180.16")
    assert caught.value.hint is not None
    assert "compound_cid" in caught.value.hint


def test_a_csv_with_hundreds_of_columns_is_refused_in_a_short_message() -> None:
    """A wide table does not flood the terminal."""
    with pytest.raises(InputError) as caught:
        read(",".join(f"column{number}" for number in range(500)))
    assert len(caught.value.message) < 300


def test_several_identifiers_on_one_line_are_refused() -> None:
    """Taking the first of them would lose the others in silence."""
    with pytest.raises(InputError, match="several CIDs on one line"):
        read("2244,2519,702")


@pytest.mark.parametrize("row", ['2244,"aspirin', '2244,"aspirin"s', '2244,"' + "x" * 200_000 + '"'])
def test_a_csv_with_broken_quotes_is_refused_with_its_line(row: str) -> None:
    """An open quotation mark would swallow the rows after it in silence."""
    with pytest.raises(InputError, match="row of line 3"):
        read(f"cid,name\n702,ethanol\n{row}\n2519,caffeine")


def test_an_endless_cell_in_the_first_line_is_refused() -> None:
    """The header is read with the same care as the rows."""
    with pytest.raises(InputError, match="line 1"):
        read("a," + "x" * 200_000)
