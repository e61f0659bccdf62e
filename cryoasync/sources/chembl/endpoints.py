"""The operations of ChEMBL's data API that an import uses, and what names one row of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.sources.chembl.records import ID, read_molecule, read_object

PLACE_MARK = "#"
PAGE = 1000
"""The most molecules that ChEMBL gives at a time. No page may reach across a multiple of it, for there molecules were
seen twice, and others not at all."""

STATUS = "status"
SCHEMA = "molecule/schema"
COUNT = "count"

MOLECULES_KEY = "molecule:"
"""What the cache keeps molecules under begins with this, and ends with their release."""

Parameters = tuple[tuple[str, str], ...]


class Kind(Enum):
    """How an endpoint is asked, and what its ids are."""

    BY_ID = auto()
    """Molecules by ChEMBL id."""
    BY_PLACE = auto()
    """Molecules by their place in a list: ``#0`` and those that follow it."""
    COUNT = auto()
    """How many molecules a list has; its only id is ``COUNT``."""
    OBJECT = auto()
    """Single objects by their path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation.

    Attributes:
        name: what it is called in logs and tables.
        kind: how it is asked.
        filters: what a list is of.
        only: the one field wanted; ``None`` for whole molecules.
        release: under which answers are cached.
        priority: of the first request for a chunk.
    """

    name: str
    kind: Kind
    filters: Parameters = ()
    only: str | None = None
    release: str | None = None
    priority: Priority = Priority.BEGIN

    @property
    def cache_key(self) -> str:
        """Names the release: an answer of another one is another answer."""
        return f"{MOLECULES_KEY}{self.release}"

    @property
    def tells(self) -> Callable[[msgspec.Raw], bool]:
        """Whether a row of its answer is a molecule that can be read."""
        return _is_molecule


OBJECTS = Endpoint(name="object", kind=Kind.OBJECT, priority=Priority.CONTINUE)


def molecules(release: str | None) -> Endpoint:
    """Return the molecules by id, of a release as far as it is known."""
    return Endpoint(name="molecule", kind=Kind.BY_ID, release=release)


def pages(filters: Parameters) -> Endpoint:
    """Return the whole molecules of a list, by place."""
    return Endpoint(name="page", kind=Kind.BY_PLACE, filters=filters)


def listed_ids(filters: Parameters) -> Endpoint:
    """Return the ids alone of a list, by place."""
    return Endpoint(name="ids", kind=Kind.BY_PLACE, filters=filters, only=ID, priority=Priority.CONTINUE)


def count(filters: Parameters) -> Endpoint:
    """Return the length of a list."""
    return Endpoint(name="count", kind=Kind.COUNT, filters=filters, only=ID, priority=Priority.CONTINUE)


def place(position: int) -> str:
    """Return the name of a place in a list."""
    return f"{PLACE_MARK}{position}"


def is_place(source_id: str) -> bool:
    """Tell a place from a ChEMBL id."""
    return source_id.startswith(PLACE_MARK)


def position_of(name: str) -> int:
    """Return where in the list a place is."""
    return int(name.removeprefix(PLACE_MARK))


def first_run(places: Sequence[str]) -> tuple[int, int]:
    """Return where the first places are that follow one another on one page, and how many they are."""
    first = position_of(places[0])
    count = 1
    for name in places[1:]:
        position = position_of(name)
        if position != first + count or position % PAGE == 0:
            break
        count += 1
    return first, count


def _is_molecule(raw: msgspec.Raw) -> bool:
    try:
        read_molecule(read_object(raw))
    except ValueError:
        return False
    return True
