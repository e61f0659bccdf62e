"""Records of a SMILES file: ``SMILES name`` a line, or a table with a header."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# In order of preference: what keeps stereo and isotopes first.
_SMILES_COLUMNS = ("isomericsmiles", "isosmiles", "absolutesmiles", "smiles", "canonicalsmiles", "smi")
_NAME_COLUMNS = (
    "id",
    "identifier",
    "compoundid",
    "moleculeid",
    "cid",
    "compoundcid",
    "chemblid",
    "name",
    "title",
)
_DELIMITERS = ("\t", ",", ";", " ")
_NOT_IN_A_COLUMN_NAME = re.compile(r"[\s_-]")
# No SMILES holds white space, a comma or a semicolon.
_SMILES_END = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmilesRecord:
    """One line: the SMILES as written, its name where it has one, and the further columns of a table."""

    line: int
    smiles: str
    name: str | None
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSmilesLine:
    """A line without a SMILES, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The columns of a table: which holds the SMILES, which the name (if one does)."""

    delimiter: str
    columns: tuple[str, ...]
    smiles: int
    name: int | None


def read_smiles(
    lines: Iterable[str], *, name_column: str | None = None
) -> Iterator[SmilesRecord | BrokenSmilesLine]:
    """Yield the records of a SMILES file, numbered by their lines; blank lines and ``#`` comments are none.

    A first line with a column called ``SMILES`` (or ``canonical_smiles``, ``isosmiles`` …) is a header; tabs,
    commas, semicolons or blanks part the columns.

    Args:
        lines: without their ends.
        name_column: the header of the column that names the records; where it is not given, ``id``, ``name``
            or the like.
    """
    content = ((number, line) for number, line in enumerate(lines, start=1) if _is_content(line))
    first = next(content, None)
    if first is None:
        return
    header = _header(first[1], name_column)
    if header is None:
        yield _plain_record(*first)
    for number, line in content:
        yield _plain_record(number, line) if header is None else _table_record(number, line, header)


def _is_content(line: str) -> bool:
    return bool(line) and not line.isspace() and not line.startswith("#")


def _header(line: str, name_column: str | None) -> _Header | None:
    for delimiter in _DELIMITERS:
        columns = _cells(line, delimiter)
        plain = [_NOT_IN_A_COLUMN_NAME.sub("", column).lower() for column in columns]
        smiles = next((plain.index(known) for known in _SMILES_COLUMNS if known in plain), None)
        if smiles is not None:
            wanted = [name_column] if name_column else []
            names, among = (wanted, columns) if wanted else (list(_NAME_COLUMNS), plain)
            name = next((among.index(known) for known in names if known in among), None)
            return _Header(delimiter=delimiter, columns=tuple(columns), smiles=smiles, name=name)
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def _plain_record(number: int, line: str) -> SmilesRecord | BrokenSmilesLine:
    smiles, *name = _SMILES_END.split(line.strip(), maxsplit=1)
    if not smiles:
        return BrokenSmilesLine(line=number, reason="begins with a separator instead of a SMILES")
    return SmilesRecord(line=number, smiles=smiles, name=(name[0] if name else None) or None, fields={})


def _table_record(number: int, line: str, header: _Header) -> SmilesRecord | BrokenSmilesLine:
    cells = _cells(line, header.delimiter)
    if len(cells) <= header.smiles or not cells[header.smiles]:
        column = header.columns[header.smiles]
        return BrokenSmilesLine(line=number, reason=f"no value in the column '{column}'")
    name = cells[header.name] if header.name is not None and header.name < len(cells) else ""
    taken = (header.smiles, header.name)
    return SmilesRecord(
        line=number,
        smiles=cells[header.smiles],
        name=name or None,
        fields={
            column: cell
            for index, (column, cell) in enumerate(zip(header.columns, cells, strict=False))
            if index not in taken
        },
    )
