"""Records of an SDF file: a molblock, data fields, and a line ``$$$$`` behind each.

Splitting needs no RDKit, and holds one record at a time.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_RECORD_END = "$$$$"
_MOLBLOCK_END = "M  END"
_LARGEST_RECORD_CHARACTERS = 64 * 1024 * 1024
# The forms in use: "> <NAME>", ">  <NAME> (17)", "> 25 <NAME>", "> (MD-08974) <NAME> DT12", "> DT12".
_NAMED_FIELD = re.compile(r">[^<]*<(.+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class SdfRecord:
    """One record; ``title`` is the molblock's first line, ``fields`` are in the file's order."""

    number: int
    title: str
    molblock: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSdfRecord:
    """A record that is no SDF, and why."""

    number: int
    reason: str


def read_sdf(lines: Iterable[str]) -> Iterator[SdfRecord | BrokenSdfRecord]:
    """Yield the records of an SDF file, numbered from 1.

    The last one may lack its ``$$$$``. A broken record is a value, and reading goes on behind its end.
    """
    for number, record_lines in enumerate(_split(lines), start=1):
        if record_lines is None:
            yield BrokenSdfRecord(
                number=number, reason=f"no line '{_RECORD_END}' within 64 million characters"
            )
        else:
            yield _parse(number, record_lines)


def _split(lines: Iterable[str]) -> Iterator[list[str] | None]:
    """Yield the lines of each record, or ``None`` for one that is too large to be kept."""
    record: list[str] = []
    characters = 0
    for line in lines:
        if line.startswith(_RECORD_END):
            yield record if characters <= _LARGEST_RECORD_CHARACTERS else None
            record, characters = [], 0
            continue
        characters += len(line) + 1
        if characters <= _LARGEST_RECORD_CHARACTERS:
            record.append(line)
        else:
            record.clear()
    if characters > _LARGEST_RECORD_CHARACTERS:
        yield None
    elif any(not line.isspace() for line in record if line):
        yield record


def _parse(number: int, lines: list[str]) -> SdfRecord | BrokenSdfRecord:
    end = _molblock_end(lines)
    if end is None:
        return BrokenSdfRecord(number=number, reason=f"no line '{_MOLBLOCK_END}'")
    fields, repeated = _fields(lines[end + 1 :])
    if repeated and any(line.startswith(_MOLBLOCK_END) for line in lines[end + 1 :]):
        return BrokenSdfRecord(
            number=number, reason=f"holds several molecules: a line '{_RECORD_END}' is missing"
        )
    return SdfRecord(
        number=number,
        title=lines[0].strip(),
        molblock="\n".join(lines[: end + 1]) + "\n",
        fields=fields,
    )


def _molblock_end(lines: list[str]) -> int | None:
    try:
        return lines.index(_MOLBLOCK_END)
    except ValueError:
        # Some programs write blanks behind it.
        return next((index for index, line in enumerate(lines) if line.startswith(_MOLBLOCK_END)), None)


def _fields(lines: list[str]) -> tuple[dict[str, str], bool]:
    """Return the data fields, values of one name joined by line ends, and whether a name was repeated.

    A blank line ends a value; where no field follows it, it belongs to the value, as programs do write such.
    """
    values: list[tuple[str, list[str]]] = []
    after_blank = True
    for line in lines:
        name = _field_name(line, after_blank=after_blank)
        if name is not None:
            values.append((name, []))
        elif values:
            values[-1][1].append(line)
        after_blank = not line.strip()
    fields: dict[str, str] = {}
    for name, value_lines in values:
        value = "\n".join(value_lines).rstrip()
        fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields, len(fields) < len(values)


def _field_name(line: str, *, after_blank: bool) -> str | None:
    """Return the name where ``line`` opens a data field; a value's line may begin with ``>`` too."""
    if not line.startswith(">"):
        return None
    named = _NAMED_FIELD.match(line)
    if named is not None:
        return named[1].strip()
    return line[1:].strip() if after_blank else None
