"""ChEMBL's identifiers: ``CHEMBL`` and a number without leading zeros."""

import re

from cryoasync.sources.identifiers import IdentifierScheme, InvalidIdentifier

LARGEST_NUMBER = 2**31 - 1
"""Many hundred times what ChEMBL has given out so far."""

_PREFIX = "CHEMBL"
_SPELLING = re.compile(r"chembl(?P<digits>[1-9]\d*)", re.IGNORECASE | re.ASCII)
_LARGEST_DIGITS = len(str(LARGEST_NUMBER))


def parse_chembl_id(text: str) -> int | InvalidIdentifier:
    """Read the number of a ChEMBL id in any case: ``CHEMBL25`` and ``chembl25`` are 25."""
    stripped = text.strip()
    spelling = _SPELLING.fullmatch(stripped)
    if spelling is None:
        return InvalidIdentifier(reason=f"not {_PREFIX} and a number" if stripped else "empty")
    digits = spelling["digits"]
    # int() refuses texts of some thousand digits.
    if len(digits) > _LARGEST_DIGITS or int(digits) > LARGEST_NUMBER:
        return InvalidIdentifier(reason=f"above {chembl_id(LARGEST_NUMBER)}")
    return int(digits)


def chembl_id(number: int) -> str:
    """Return the id with a number."""
    return f"{_PREFIX}{number}"


CHEMBL_SCHEME = IdentifierScheme(
    label="ChEMBL id",
    column_names=frozenset({"chembl_id", "molecule_chembl_id"}),
    parse=parse_chembl_id,
    text_of=chembl_id,
    instead="Or ask for what fulfils conditions with --where, or for everything with --all.",
)
