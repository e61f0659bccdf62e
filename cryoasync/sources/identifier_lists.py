"""Where the identifiers stand in a file as users have them: one a line, or a column of a TSV or CSV."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from cryoasync.errors import InputError
from cryoasync.sources.identifiers import IdentifierScheme

_TAB = "\t"
_CSV_DELIMITERS = ",;"
_QUOTE = '"'
_COMMENT = "#"
_COLUMNS_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """A file's layout, as its first line tells it; a list of one identifier a line is a TSV of one column."""

    delimiter: str
    column: int
    has_header: bool


def identifier_texts(lines: Iterator[str], name: str, scheme: IdentifierScheme) -> Iterator[tuple[int, str]]:
    r"""Yield the line number and the text of each identifier, valid or not, of a list.

    Blank lines and lines that begin with ``#`` are left out. The first line that is left decides the layout:
    a header with one of the scheme's column names, separated by tab, ``,`` or ``;``; or an identifier, alone
    or followed by a separator and cells that are none. Only a CSV has quoted cells: NCBI's TSV files hold
    chemical names with single quotation marks of any kind.

    Args:
        lines: The lines, without their ends.
        name: What error messages call the list.
        scheme: How the source's identifiers are written.

    Raises:
        InputError: A CSV has no column of identifiers, or its quotation marks do not pair.
    """
    content = _without_comments(lines)
    first = next(content, None)
    if first is None:
        return
    number, line = first
    layout = _layout_of(line, f"{name}, line {number}", scheme)
    if layout.delimiter == _TAB:
        rest = content if layout.has_header else chain([first], content)
        yield from _tab_separated(rest, layout.column)
        return
    # Comments are told apart after the quotes are resolved, so the reader gets every line.
    texts = _comma_separated(chain([line], lines), layout, name, lines_before=number - 1)
    if layout.has_header:
        next(texts, None)
    yield from texts


def _without_comments(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        text = line.lstrip()
        if text and text[0] != _COMMENT:
            yield number, line


def _tab_separated(numbered_lines: Iterator[tuple[int, str]], column: int) -> Iterator[tuple[int, str]]:
    for number, line in numbered_lines:
        cells = line.split(_TAB, column + 1)
        text = cells[column].strip() if column < len(cells) else ""
        if _COMMENT in text:
            text = text.partition(_COMMENT)[0].rstrip()
        yield number, text.strip(_QUOTE)


def _comma_separated(
    lines: Iterator[str], layout: _Layout, name: str, lines_before: int
) -> Iterator[tuple[int, str]]:
    reader = csv.reader(lines, delimiter=layout.delimiter, skipinitialspace=True, strict=True)
    number = lines_before + 1
    try:
        for row in reader:
            if any(row) and not row[0].startswith(_COMMENT):
                yield number, row[layout.column].strip() if layout.column < len(row) else ""
            # A quoted cell may hold line breaks, so a row is named by its first line.
            number = lines_before + reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{name} is no well-formed CSV in the row of line {number}: {error}.",
            hint="Check that each quotation mark is closed, and doubled inside a quoted cell.",
        ) from error


def _layout_of(line: str, place: str, scheme: IdentifierScheme) -> _Layout:
    for delimiter in (_TAB, *_CSV_DELIMITERS):
        header = _cells(line, delimiter, place)
        column = next((index for index, cell in enumerate(header) if scheme.names_column(cell)), None)
        # In "2244 <tab> CID" the word is a synonym: no header begins with an identifier.
        if column is not None and not _is_identifier(header[0], scheme):
            return _Layout(delimiter=delimiter, column=column, has_header=True)
    delimiter = max(_CSV_DELIMITERS, key=line.count)
    if _TAB in line or delimiter not in line:
        return _Layout(delimiter=_TAB, column=0, has_header=False)
    _require_one_identifier_first(_cells(line, delimiter, place), place, scheme)
    return _Layout(delimiter=delimiter, column=0, has_header=False)


def _require_one_identifier_first(cells: list[str], place: str, scheme: IdentifierScheme) -> None:
    """Refuse the first line of a CSV without a known header, unless it is an identifier and other things."""
    if not _is_identifier(cells[0], scheme):
        seen = ", ".join(cells[:_COLUMNS_SHOWN]) + (", …" if len(cells) > _COLUMNS_SHOWN else "")
        raise InputError(
            f"{place}: none of the columns {seen} is known to hold {scheme.label}s.",
            hint=f"Name the column one of: {', '.join(sorted(scheme.column_names))} (in any case).",
        )
    if any(_is_identifier(cell, scheme) for cell in cells[1:]):
        raise InputError(
            f"{place}: several {scheme.label}s on one line.",
            hint=f"Write one {scheme.label} a line, or put a header line over the columns.",
        )


def _is_identifier(text: str, scheme: IdentifierScheme) -> bool:
    return isinstance(scheme.parse(text), int)


def _cells(line: str, delimiter: str, place: str) -> list[str]:
    if delimiter == _TAB:
        return [cell.strip().strip(_QUOTE) for cell in line.split(_TAB)]
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"{place}: no well-formed header of a CSV: {error}.") from error
