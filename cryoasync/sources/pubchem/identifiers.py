"""PubChem's compound identifiers (CIDs): positive integers that PubChem itself keeps in 32 bits."""

import re

from cryoasync.sources.identifiers import IdentifierScheme, InvalidIdentifier

LARGEST_CID = 2**31 - 1

_LARGEST_CID_DIGITS = len(str(LARGEST_CID))
# Spreadsheets turn 2244 into 2244.0, and PubChem's own pages write CID 2244.
_SPELLING = re.compile(
    r"(?:CID[:\s]?\s*)?(?P<sign>[+-]?)(?P<digits>\d+)(?:\.(?P<fraction>\d*))?", re.IGNORECASE | re.ASCII
)


def parse_cid(text: str) -> int | InvalidIdentifier:
    """Read a CID: ``2244``, ``CID2244``, ``CID:2244``, ``cid 2244`` and ``2244.0`` are all 2244."""
    if len(text) < _LARGEST_CID_DIGITS and text.isdecimal() and text.isascii() and text[0] != "0":
        return int(text)
    spelling = _SPELLING.fullmatch(text.strip())
    if spelling is None:
        return InvalidIdentifier(reason="not a number" if text.strip() else "empty")
    reason = _refusal(**spelling.groupdict(default=""))
    return InvalidIdentifier(reason=reason) if reason else int(spelling["digits"].lstrip("0"))


def _refusal(sign: str, digits: str, fraction: str) -> str:
    """Say why a number is no CID; an empty text means that it is one."""
    if sign == "-":
        return "negative"
    if fraction.strip("0"):
        return "has a fraction"
    significant_digits = digits.lstrip("0")
    if not significant_digits:
        return "below 1"
    # int() refuses texts of some thousand digits.
    if len(significant_digits) > _LARGEST_CID_DIGITS or int(significant_digits) > LARGEST_CID:
        return f"above {LARGEST_CID}"
    return ""


CID_SCHEME = IdentifierScheme(
    label="CID",
    column_names=frozenset({"cid", "compound_cid", "pubchem_cid"}),
    parse=parse_cid,
    text_of=str,
)
