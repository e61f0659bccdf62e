"""PUG REST's answers as bytes, put together from rows that are encoded once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from cryoasync.simulator.population import Molecule, Population
from cryoasync.simulator.properties import NEW_NAME_OF_OLD, OLD_NAME_OF_NEW, PROPERTY_NAMES

# Requests ask for one and the same set of properties, or a few.
_KEPT_PROPERTY_SETS = 8
_ROW_INDENT = b"\n      "

Row = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The bytes around the rows of an answer: pretty-printed as PubChem does it, or compact for speed.

    A row is its CID and the rest of its object in the same layout, from the comma after the CID on.
    """

    head: bytes
    row: bytes
    separator: bytes
    tail: bytes

    def render(self, rows: Iterable[Row]) -> bytes:
        """Return the whole body."""
        row = self.row
        return self.head + self.separator.join([row % (cid, rest) for cid, rest in rows]) + self.tail


def make_layout(outer: bytes, inner: bytes, *, pretty: bool) -> Layout:
    """Return the layout of a list of objects that stands under two keys."""
    if pretty:
        return Layout(
            head=b'{\n  "%b": {\n    "%b": [\n' % (outer, inner),
            row=b'      {\n        "CID": %d%b\n      }',
            separator=b",\n",
            tail=b"\n    ]\n  }\n}\n",
        )
    return Layout(head=b'{"%b":{"%b":[' % (outer, inner), row=b'{"CID":%d%b}', separator=b",", tail=b"]}}\n")


class Answers:
    """Answers for one population in one layout; rows of CIDs that nobody knows hold the CID alone."""

    def __init__(self, population: Population, *, pretty: bool, old_names: bool = False) -> None:
        """Answer pretty-printed or compact, with the keys of today or those from before 2025."""
        self._population = population
        self._pretty = pretty
        self._old_names = old_names
        self._property_layout = make_layout(b"PropertyTable", b"Properties", pretty=pretty)
        self._synonym_layout = make_layout(b"InformationList", b"Information", pretty=pretty)
        self._property_rests = lru_cache(_KEPT_PROPERTY_SETS)(self._encode_properties)
        self._synonym_rests = _Rests(population.molecules, self._encode_synonyms)

    def property_rows(self, cids: Iterable[int], names: Iterable[str]) -> list[Row]:
        """Return a row for each CID; ``names`` may hold old names, keys come in PubChem's order."""
        wanted = {NEW_NAME_OF_OLD.get(name, name) for name in names}
        rests = self._property_rests(tuple(name for name in PROPERTY_NAMES if name in wanted))
        return self._rows(cids, rests)

    def synonym_rows(self, cids: Iterable[int]) -> list[Row]:
        """Return a row for each CID, without names for a compound that has none."""
        return self._rows(cids, self._synonym_rests)

    def render_properties(self, rows: Iterable[Row]) -> bytes:
        """Return the body of a property table."""
        return self._property_layout.render(rows)

    def render_synonyms(self, rows: Iterable[Row]) -> bytes:
        """Return the body of a list of synonyms."""
        return self._synonym_layout.render(rows)

    def _rows(self, cids: Iterable[int], rests: "_Rests") -> list[Row]:
        index_of = self._population.index_of
        return [(cid, b"" if (index := index_of(cid)) is None else rests[index]) for cid in cids]

    def _encode_properties(self, names: tuple[str, ...]) -> "_Rests":
        keys = [(OLD_NAME_OF_NEW.get(name, name) if self._old_names else name, name) for name in names]
        return _Rests(
            self._population.molecules,
            lambda molecule: self._encode(
                {key: molecule.properties[name] for key, name in keys if name in molecule.properties}
            ),
        )

    def _encode_synonyms(self, molecule: Molecule) -> bytes:
        return self._encode({"Synonym": molecule.synonyms} if molecule.synonyms else {})

    def _encode(self, values: dict[str, object]) -> bytes:
        if not values:
            return b""
        encoded = msgspec.json.encode(values)
        if not self._pretty:
            return b"," + encoded[1:-1]
        return b"," + msgspec.json.format(encoded, indent=2)[1:-2].replace(b"\n", _ROW_INDENT)


class _Rests:
    """What follows the CID in each molecule's row, encoded when first asked for."""

    def __init__(self, molecules: Sequence[Molecule], encode: Callable[[Molecule], bytes]) -> None:
        self._molecules = molecules
        self._encode = encode
        self._encoded: list[bytes | None] = [None] * len(molecules)

    def __getitem__(self, index: int) -> bytes:
        encoded = self._encoded[index]
        if encoded is None:
            encoded = self._encoded[index] = self._encode(self._molecules[index])
        return encoded


def fault_body(code: str, message: str, *details: str) -> bytes:
    """Return the body of a refusal in the form of PUG REST, pretty-printed as it always is."""
    fault: dict[str, object] = {"Code": code, "Message": message}
    if details:
        fault["Details"] = details
    return msgspec.json.format(msgspec.json.encode({"Fault": fault}), indent=2) + b"\n"


def html_body(title: str) -> bytes:
    """Return a page as a gateway or a site under maintenance shows it."""
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1><p>NCBI - PubChem</p></body>\n</html>\n"
    )
    return page.encode()
