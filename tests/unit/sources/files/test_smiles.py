"""SMILES files: a SMILES and a name a line, or a table."""

import pytest

from cryoasync.sources.files.smiles import BrokenSmilesLine, SmilesRecord, read_smiles


def records(text: str, name_column: str | None = None) -> list[SmilesRecord | BrokenSmilesLine]:
    return list(read_smiles(text.splitlines(), name_column=name_column))


def pairs(text: str, name_column: str | None = None) -> list[tuple[str, str | None]]:
    return [
        (record.smiles, record.name)
        for record in records(text, name_column)
        if isinstance(record, SmilesRecord)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("CCO ethanol", ("CCO", "ethanol")),
        ("CCO\tethyl alcohol", ("CCO", "ethyl alcohol")),
        ("CCO,ethanol", ("CCO", "ethanol")),
        ("CCO ; ethanol", ("CCO", "ethanol")),
        ("  CCO   ethanol  ", ("CCO", "ethanol")),
        ("CCO", ("CCO", None)),
        ("[Na+].[Cl-] salt", ("[Na+].[Cl-]", "salt")),
        ("C#N", ("C#N", None)),
    ],
)
def test_a_line_is_a_smiles_and_a_name(line: str, expected: tuple[str, str | None]) -> None:
    """White space, a comma or a semicolon parts them; the name may be missing or have blanks."""
    assert pairs(line) == [expected]


def test_comments_and_blank_lines_are_skipped_and_counted() -> None:
    """The record number is the line's, so that an editor finds it."""
    assert records("# list\n\nCCO ethanol\n\n#C\nCO") == [
        SmilesRecord(line=3, smiles="CCO", name="ethanol", fields={}),
        SmilesRecord(line=6, smiles="CO", name=None, fields={}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SMILES Name\nCCO ethanol",
        "smiles\tid\nCCO\tethanol",
        "id,SMILES\nethanol,CCO",
        '"Name";"Smiles"\n"ethanol";"CCO"',
        "# by hand\nNAME, Canonical SMILES\nethanol, CCO",
    ],
)
def test_a_header_tells_the_columns(text: str) -> None:
    """Any common separator, quoting, order and spelling of the header."""
    assert pairs(text) == [("CCO", "ethanol")]


def test_the_smiles_with_stereo_is_preferred() -> None:
    """Of several SMILES columns the isomeric one is the structure; the other is kept as a field."""
    (record,) = records("id,canonical_smiles,isomeric_smiles\n1,CC(N)C(=O)O,C[C@@H](C(=O)O)N")
    assert record == SmilesRecord(
        line=2,
        smiles="C[C@@H](C(=O)O)N",
        name="1",
        fields={"canonical_smiles": "CC(N)C(=O)O"},
    )


def test_the_column_of_names_can_be_chosen() -> None:
    """The chosen header wins over the usual ones, which become fields."""
    (record,) = records("SMILES,Name,Batch\nCCO,ethanol,B-7", name_column="Batch")
    assert record == SmilesRecord(line=2, smiles="CCO", name="B-7", fields={"Name": "ethanol"})


def test_a_chosen_column_that_is_missing_names_nothing() -> None:
    """No other column is taken in its place."""
    assert pairs("SMILES,Name\nCCO,ethanol", name_column="Batch") == [("CCO", None)]


def test_a_row_without_smiles_is_reported_and_the_rest_read() -> None:
    """Short rows and empty cells are values with their line."""
    first, second, third = records("name,smiles\nempty,\nshort\nethanol,CCO")
    assert first == BrokenSmilesLine(line=2, reason="no value in the column 'smiles'")
    assert second == BrokenSmilesLine(line=3, reason="no value in the column 'smiles'")
    assert isinstance(third, SmilesRecord)


def test_a_cell_beyond_all_bounds_is_reported() -> None:
    """A cell that the csv module refuses does not end the file."""
    broken, good = records("smiles,note\nC," + "x" * 200_000 + "\nCCO,fine")
    assert isinstance(broken, BrokenSmilesLine)
    assert isinstance(good, SmilesRecord)


def test_a_line_that_begins_with_a_separator_is_reported() -> None:
    """An empty SMILES is not imported as one."""
    assert records(",ethanol") == [
        BrokenSmilesLine(line=1, reason="begins with a separator instead of a SMILES")
    ]
