"""The operations of PUG REST that an import uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.sources.pubchem.records import PROPERTY_NAMES, has_properties, tells_synonyms


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation of the API.

    Attributes:
        name: what it is called in logs and tables.
        path: below the base URL.
        cache_key: names all that shapes the answer but the CIDs.
        priority: of the first request for a chunk.
        tells: whether a row of its answer says anything that can be read.
    """

    name: str
    path: str
    cache_key: str
    priority: Priority
    tells: Callable[[msgspec.Raw], bool] = field(compare=False)


SYNONYMS = Endpoint(
    name="synonyms",
    path="compound/cid/synonyms/JSON",
    cache_key="synonyms",
    priority=Priority.CONTINUE,
    tells=tells_synonyms,
)


def property_endpoint(further: Sequence[str]) -> Endpoint:
    """Return the property table with our columns and the ``further`` properties asked for."""
    names = tuple(dict.fromkeys((*PROPERTY_NAMES, *further)))
    return Endpoint(
        name="property",
        path=f"compound/cid/property/{','.join(quote(name, safe='') for name in names)}/JSON",
        cache_key=f"property:{','.join(sorted(names))}",
        priority=Priority.BEGIN,
        tells=lambda raw: has_properties(raw, further),
    )
