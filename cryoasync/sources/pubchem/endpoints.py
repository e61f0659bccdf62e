"""The operations of PUG REST that an import uses."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryoasync.control.rate_limiter import Priority
from cryoasync.sources.pubchem.records import PROPERTY_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation of the API.

    Attributes:
        name: what it is called in logs and tables.
        path: below the base URL.
        cache_key: names all that shapes the answer but the CIDs.
        priority: of the first request for a chunk.
    """

    name: str
    path: str
    cache_key: str
    priority: Priority


SYNONYMS = Endpoint(
    name="synonyms",
    path="compound/cid/synonyms/JSON",
    cache_key="synonyms",
    priority=Priority.CONTINUE,
)


def property_endpoint(further: Sequence[str]) -> Endpoint:
    """Return the property table with our columns and the ``further`` properties asked for."""
    names = (*PROPERTY_NAMES, *further)
    return Endpoint(
        name="property",
        path=f"compound/cid/property/{','.join(names)}/JSON",
        cache_key=f"property:{','.join(sorted(names))}",
        priority=Priority.BEGIN,
    )
