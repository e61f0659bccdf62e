"""Reading a request to PUG REST: what is asked, of which compounds."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from cryoasync.simulator.properties import NEW_NAME_OF_OLD, PROPERTY_NAMES

_LARGEST_CID = 2**31 - 1
_KNOWN_NAMES = frozenset(PROPERTY_NAMES) | NEW_NAME_OF_OLD.keys()


class Endpoint(StrEnum):
    """What a request can ask of compounds."""

    PROPERTY = "property"
    SYNONYMS = "synonyms"


class BadQuestionError(ValueError):
    """A request that PUG REST refuses: status, code and message of the refusal."""

    def __init__(self, message: str, *, status: int = 400, code: str = "PUGREST.BadRequest") -> None:
        """Refuse with ``PUGREST.BadRequest`` unless told otherwise."""
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a path asks; ``ids`` is ``None`` where they are in the body of the request."""

    endpoint: Endpoint
    names: tuple[str, ...] = ()
    ids: str | None = None


def parse_path(path: str) -> Question:
    """Read a path below ``rest/pug/``.

    Raises:
        BadQuestionError: The path asks for nothing that is served, or for an unknown property.
    """
    parts = path.strip("/").split("/")
    if parts[:2] != ["compound", "cid"] or len(parts) == 2:
        raise BadQuestionError("Only compounds by CID are served here")
    parts = parts[2:]
    ids = None if parts[0] in list(Endpoint) else unquote(parts.pop(0))
    match parts:
        case [Endpoint.PROPERTY, names, "JSON"]:
            return Question(endpoint=Endpoint.PROPERTY, names=_parse_names(unquote(names)), ids=ids)
        case [Endpoint.SYNONYMS, "JSON"]:
            return Question(endpoint=Endpoint.SYNONYMS, ids=ids)
        case [Endpoint.PROPERTY, _, _] | [Endpoint.SYNONYMS, _]:
            raise BadQuestionError(
                "Output format is not served here", status=501, code="PUGREST.Unimplemented"
            )
    raise BadQuestionError("Invalid operation")


def parse_cids(text: str) -> list[int]:
    """Read a comma-separated list of CIDs, duplicates and order kept.

    Raises:
        BadQuestionError: One of them is no positive 32-bit integer, or there is none.
    """
    pieces = text.split(",")
    if not (text.isascii() and all(map(str.isdigit, pieces))):
        pieces = [piece.strip() for piece in pieces]
        if not (text.isascii() and all(map(str.isdigit, pieces))):
            raise BadQuestionError("Invalid ID, must be positive integer")
    cids = list(map(int, pieces))
    if min(cids) < 1 or max(cids) > _LARGEST_CID:
        raise BadQuestionError("Invalid ID, must be positive integer")
    return cids


def _parse_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in _KNOWN_NAMES:
            raise BadQuestionError(f"Invalid property: {name}")
    return names
