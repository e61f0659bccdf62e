"""SDF split into records, however untidy it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoasync.sources.files.sdf import BrokenSdfRecord, SdfRecord, read_sdf

METHANE = """methane
  by hand

  1  0  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
M  END
"""


def records(text: str) -> list[SdfRecord | BrokenSdfRecord]:
    return list(read_sdf(text.splitlines()))


def fields(data: str) -> dict[str, str]:
    (record,) = records(f"{METHANE}{data}\n$$$$\n")
    assert isinstance(record, SdfRecord)
    return record.fields


def test_a_record_has_title_molblock_and_fields() -> None:
    """The molblock ends with M  END, the fields keep their order."""
    (record,) = records(METHANE + "> <NAME>\nmethane\n\n> <CAS>\n74-82-8\n\n$$$$\n")
    assert record == SdfRecord(
        number=1, title="methane", molblock=METHANE, fields={"NAME": "methane", "CAS": "74-82-8"}
    )
    assert isinstance(record, SdfRecord)
    assert list(record.fields) == ["NAME", "CAS"]


def test_the_last_record_may_lack_its_end() -> None:
    """A file that ends without $$$$ loses nothing."""
    assert records(f"{METHANE}$$$$\n{METHANE}") == records(f"{METHANE}$$$$\n{METHANE}$$$$\n")


def test_blank_lines_behind_the_last_record_are_no_record() -> None:
    """An editor's trailing line ends do not count."""
    assert len(records(f"{METHANE}$$$$\n\n   \n")) == 1


def test_an_empty_file_has_no_records() -> None:
    """No line, no record."""
    assert records("") == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("> <A>\n1\n\n>  <B> (7)\n2\n", {"A": "1", "B": "2"}),
        ("> 25 <MELTING.POINT>\n-182\n", {"MELTING.POINT": "-182"}),
        ("> (MD-08974) <BOILING.POINT> DT12\n-161\n", {"BOILING.POINT": "-161"}),
        ("> DT12\nx\n", {"DT12": "x"}),
        ("> <A>\n1\n> <B>\n2\n", {"A": "1", "B": "2"}),
        ("> <A>\n\n> <B>\n2\n", {"A": "", "B": "2"}),
        ("> <A>\n1\n5\n255\n\n", {"A": "1\n5\n255"}),
        ("> <A>\none\n\ntwo\n\n", {"A": "one\n\ntwo"}),
        ("> <A>\nvalues\n> 100 nM\n\n> <B>\n2\n", {"A": "values\n> 100 nM", "B": "2"}),
        ("> <IC50 <nM>>\n3\n", {"IC50 <nM>": "3"}),
        ("> <A>\n1\n\n> <A>\n2\n", {"A": "1\n2"}),
        ("", {}),
    ],
    ids=[
        "numbered",
        "field number",
        "registry number",
        "no brackets",
        "no blank line",
        "empty value",
        "several lines",
        "blank line inside",
        "value with >",
        "brackets in the name",
        "repeated",
        "none",
    ],
)
def test_data_fields_are_read_in_all_forms(data: str, expected: dict[str, str]) -> None:
    """Names and values of each way to write a data field."""
    assert fields(data) == expected


def test_a_broken_record_is_reported_and_the_rest_read() -> None:
    """A record without M  END is a value with its number; its neighbours are whole."""
    cut = METHANE.replace("M  END\n", "")
    first, second, third = records(f"{METHANE}$$$$\n{cut}$$$$\n{METHANE}$$$$\n")
    assert second == BrokenSdfRecord(number=2, reason="no line 'M  END'")
    assert [type(first), type(third)] == [SdfRecord, SdfRecord]
    assert third.number == 3


def test_two_molecules_without_an_end_between_are_not_taken_for_one() -> None:
    """Where $$$$ was lost, the second molecule must not vanish into the first one's last field."""
    molecule = f"{METHANE}> <NAME>\nmethane\n\n"
    (record,) = records(f"{molecule}{molecule}$$$$\n")
    assert record == BrokenSdfRecord(number=1, reason="holds several molecules: a line '$$$$' is missing")


def test_a_molblock_inside_a_field_is_a_value() -> None:
    """Some programs keep a second structure in a field."""
    assert fields(f"> <NAME>\nx\n\n> <PRODUCT>\n{METHANE}\n")["PRODUCT"] == METHANE.rstrip()


def test_a_record_without_end_is_not_kept_in_memory() -> None:
    """Beyond the limit a record's lines are dropped; the one behind it is read."""
    lines = ["x" * 1_000_000] * 70
    broken, good = read_sdf([*lines, "$$$$", *METHANE.splitlines()])
    assert isinstance(broken, BrokenSdfRecord)
    assert isinstance(good, SdfRecord)
    assert good.number == 2


field_names = st.text(alphabet="ABC_xyz 09.-", min_size=1).filter(lambda name: name == name.strip())
value_lines = (
    st.text(alphabet="abc >=.,0", min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda line: line and not line.startswith(">"))
)
values = st.lists(value_lines, min_size=1, max_size=3).map("\n".join)


@given(st.lists(st.dictionaries(field_names, values, max_size=4), max_size=4))
def test_what_is_written_is_read_back(written: list[dict[str, str]]) -> None:
    """Any names and values, any number of records."""
    text = "".join(
        METHANE + "".join(f"> <{name}>\n{value}\n\n" for name, value in data.items()) + "$$$$\n"
        for data in written
    )
    assert [record.fields for record in records(text) if isinstance(record, SdfRecord)] == written
