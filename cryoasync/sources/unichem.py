"""UniChem's mapping between ChEMBL's ids and PubChem's CIDs, as its file ``src1src22.txt.gz`` holds it."""

import re
from collections.abc import Iterator
from pathlib import Path

from cryoasync.errors import InputError
from cryoasync.sources.chembl.identifiers import chembl_id, parse_chembl_id
from cryoasync.sources.identifiers import InvalidIdentifier
from cryoasync.sources.pubchem.identifiers import CID_SCHEME
from cryoasync.sources.text import open_lines

_HEADER = re.compile(r"From src:'(?P<first>\d+)'\tTo src:'(?P<second>\d+)'")
_CHEMBL, _PUBCHEM = "1", "22"
_HINT = (
    "UniChem offers it as https://ftp.ebi.ac.uk/pub/databases/chembl/UniChem/data/wholeSourceMapping/"
    "src_id1/src1src22.txt.gz."
)


def read_links(path: Path) -> Iterator[tuple[str, int]]:
    """Yield pairs of a ChEMBL id and a CID, in memory that does not grow with the file.

    The first line names the two sources, in either order.

    Raises:
        InputError: it is no such file, it maps other sources, or it cannot be read (any more).
    """
    with open_lines(path) as lines:
        chembl_first = _chembl_comes_first(next(lines, ""), path)
        for number, line in enumerate(lines, start=2):
            if line:
                first, _, second = line.partition("\t")
                yield _link(*((first, second) if chembl_first else (second, first)), f"{path}, line {number}")


def _chembl_comes_first(header: str, path: Path) -> bool:
    found = _HEADER.fullmatch(header.strip())
    if found is None:
        raise InputError(f"{path} is no mapping of UniChem's: its first line names no sources.", hint=_HINT)
    sources = (found["first"], found["second"])
    if sources not in {(_CHEMBL, _PUBCHEM), (_PUBCHEM, _CHEMBL)}:
        raise InputError(
            f"{path} maps UniChem's sources {' and '.join(sources)}, not 1 (ChEMBL) and 22 (PubChem).",
            hint=_HINT,
        )
    return sources[0] == _CHEMBL


def _link(chembl: str, cid: str, place: str) -> tuple[str, int]:
    number, compound = parse_chembl_id(chembl), CID_SCHEME.parse(cid)
    for parsed, text in ((number, chembl), (compound, cid)):
        if isinstance(parsed, InvalidIdentifier):
            raise InputError(f"{place}: {text[:40]!r} is {parsed.reason}.", hint="Fetch the file again.")
    assert isinstance(number, int), "or it was refused"
    assert isinstance(compound, int), "or it was refused"
    return chembl_id(number), compound
