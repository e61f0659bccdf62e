"""What makes records of several sources one molecule, and the id of that molecule."""

from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

_URLS = "https://identifiers.org/"
_PREFIXES = {"pubchem": "pubchem.compound:", "chembl": "chembl.compound:"}


# A tuple, since each batch makes and sorts thousands of them.
class Record(NamedTuple):
    """One record of one source, such as a compound of PubChem by its CID."""

    source: str
    source_id: str


def molecule_id(record: Record, inchikey: str | None) -> UUID:
    """Return the id of the molecule that a standard InChIKey means, or without one the record itself.

    It is the UUIDv5 of the identifiers.org URL of either, which anybody can compute.
    """
    if inchikey is not None:
        return uuid5(NAMESPACE_URL, f"{_URLS}inchikey:{inchikey}")
    prefix = _PREFIXES.get(record.source, f"{record.source}:")
    return uuid5(NAMESPACE_URL, f"{_URLS}{prefix}{record.source_id}")
