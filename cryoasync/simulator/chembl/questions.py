"""Reading a request to ChEMBL's data API: what is asked for, with which parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

OVERRIDE_HEADER = "X-HTTP-Method-Override"
LARGEST_LIMIT = 1000

_DEFAULT_LIMIT = 20
_PATH = re.compile(r"(?P<resource>status|molecule)(?:/(?P<rest>[^/]+(?:/[^/]+)?))?\.json")
_LEADING_DIGITS = re.compile(r"\d*", re.ASCII)
_pairs_decoder = msgspec.json.Decoder(list[tuple[str, str]])


class Operation(StrEnum):
    """What a request can ask for."""

    LIST = "list"
    DETAIL = "detail"
    SET = "set"
    SCHEMA = "schema"
    STATUS = "status"


class RefusedError(Exception):
    """A request that is answered with an error status; the body is empty where there is no message."""

    def __init__(self, status: int, message: str | None = None) -> None:
        """Refuse with a status."""
        self.status = status
        self.message = message
        super().__init__(message or status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request: ``ids`` are those in its path."""

    operation: Operation
    ids: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()

    def number(self, name: str, default: int) -> int:
        """Return a parameter as the server reads it: its leading digits, or else the default."""
        value = dict(self.parameters).get(name, "")
        digits = _LEADING_DIGITS.match(value)
        return int(digits[0]) if digits is not None and digits[0] else default

    @property
    def limit(self) -> int:
        """Molecules on the page; what is too much is cut, and 0 means the most."""
        return min(self.number("limit", _DEFAULT_LIMIT) or LARGEST_LIMIT, LARGEST_LIMIT)

    @property
    def offset(self) -> int:
        """The place of the first molecule."""
        return self.number("offset", 0)

    @property
    def only(self) -> tuple[str, ...]:
        """The fields that the answer is trimmed to; none for all of them."""
        return tuple(item for name, value in self.parameters if name == "only" for item in value.split(","))

    def trims(self, molecule: Mapping[str, Any]) -> dict[str, Any]:
        """Return a molecule as ``only`` trims it: what is part of the name of a field wanted comes along."""
        return {key: value for key, value in molecule.items() if any(key in wanted for wanted in self.only)}


async def read_question(request: web.Request, path: str) -> Question:
    """Read a request.

    Raises:
        RefusedError: nothing is served there, or not in this way.
    """
    match = _PATH.fullmatch(unquote(path))
    if match is None:
        raise RefusedError(404)
    operation, ids = _operation(match["resource"], match["rest"])
    if request.method == "GET":
        parameters = tuple(request.query.items())
    elif request.method == "POST" and operation is Operation.LIST:
        parameters = await _posted(request)
    else:
        raise RefusedError(405)
    return Question(operation=operation, ids=ids, parameters=parameters)


def _operation(resource: str, rest: str | None) -> tuple[Operation, tuple[str, ...]]:
    match resource, (rest or "").split("/"):
        case "status", [""]:
            return Operation.STATUS, ()
        case "molecule", [""]:
            return Operation.LIST, ()
        case "molecule", ["schema"]:
            return Operation.SCHEMA, ()
        case "molecule", ["set", ids]:
            return Operation.SET, tuple(ids.upper().split(";"))
        case "molecule", [chembl_id]:
            return Operation.DETAIL, (chembl_id.upper(),)
    raise RefusedError(404)


async def _posted(request: web.Request) -> tuple[tuple[str, str], ...]:
    if request.headers.get(OVERRIDE_HEADER, "").upper() != "GET":
        raise RefusedError(405)
    body = await request.read()
    if request.content_type != "application/json":
        # Forms reach the server as bytes, which it cannot use as names.
        raise RefusedError(500, "keywords must be strings")
    try:
        pairs: Sequence[tuple[str, str]] = _pairs_decoder.decode(body)
    except msgspec.MsgspecError:
        raise RefusedError(400, f"{body[:80]!r} is not serialised using json format") from None
    return tuple(pairs)
