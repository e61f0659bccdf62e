"""What an answer of PUG REST says: rows, or the kind of trouble, told from body, status and headers.

The code in the body goes before the status: ``Fault`` comes under any status, and 200 is not success
(https://pubchem.ncbi.nlm.nih.gov/docs/pug-rest, status codes; dynamic request throttling, header lines).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cryoasync.control.rate.rate_headers import read_rate_headers
from cryoasync.control.rate.throttling_header import THROTTLING_HEADER, read_throttling
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.http.messages import NoResponse, Response
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.asking.problems import problem_category
from cryoasync.sources.pubchem.records import read_cid

LONGEST_MESSAGE = 300

_TAGS = re.compile(rb"(?:<[^>]*>|\s)+")

_CATEGORY_BY_CODE = {
    "ServerBusy": ErrorCategory.THROTTLED,
    "NotFound": ErrorCategory.NOT_FOUND,
    "BadRequest": ErrorCategory.REJECTED,
    "NotAllowed": ErrorCategory.REJECTED,
    "Unimplemented": ErrorCategory.REJECTED,
    "Timeout": ErrorCategory.TOO_BIG,
    "ServerError": ErrorCategory.OVERLOADED,
    "Unknown": ErrorCategory.OVERLOADED,
}
_CATEGORY_BY_STATUS = {
    413: ErrorCategory.TOO_BIG,
    414: ErrorCategory.TOO_BIG,
    429: ErrorCategory.THROTTLED,
    504: ErrorCategory.TOO_BIG,
}
# What only PUG REST itself can say of a compound; any gateway answers 404 with a page of its own.
_CATEGORY_OF_FAULT_BY_STATUS = _CATEGORY_BY_STATUS | {
    400: ErrorCategory.REJECTED,
    404: ErrorCategory.NOT_FOUND,
    405: ErrorCategory.REJECTED,
}


class _Fault(msgspec.Struct):
    Code: str = ""
    Message: str = ""
    Details: list[str] = []


class _PropertyTable(msgspec.Struct):
    Properties: list[msgspec.Raw] = []


class _InformationList(msgspec.Struct):
    Information: list[msgspec.Raw] = []


class _Envelope(msgspec.Struct):
    PropertyTable: _PropertyTable | None = None
    InformationList: _InformationList | None = None
    Fault: _Fault | None = None
    Waiting: Any = None
    type: Any = None


_DECODER = msgspec.json.Decoder(_Envelope)


def read_answer(answer: Response | NoResponse) -> Rows | Trouble:
    """Tell rows from trouble, and one kind of trouble from another."""
    if isinstance(answer, NoResponse):
        return Trouble(category=ErrorCategory.UNREACHABLE, message=answer.reason, spoke=False)
    throttling = read_throttling(answer.headers.get(THROTTLING_HEADER, ""))
    if throttling is not None and throttling.is_blocked and answer.status >= 400:
        return _trouble(answer, ErrorCategory.BLOCKED, "the address is blocked for a while", spoke=True)
    try:
        envelope = _DECODER.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _without_json(answer)
    if envelope.Fault is not None:
        return _fault(answer, envelope.Fault)
    if answer.status == 200:
        return _rows(answer, envelope)
    return _otherwise(answer, envelope)


def _otherwise(answer: Response, envelope: _Envelope) -> Trouble:
    """Tell apart what is JSON under another status than 200, and no fault."""
    category = problem_category(envelope.type)
    if category is not None:
        return _trouble(answer, category, f"problem {envelope.type}", spoke=True)
    return _by_status(answer, _CATEGORY_BY_STATUS, spoke=envelope.Waiting is not None)


def _rows(answer: Response, envelope: _Envelope) -> Rows | Trouble:
    if envelope.PropertyTable is not None:
        return Rows(by_id=_by_cid(envelope.PropertyTable.Properties))
    if envelope.InformationList is not None:
        return Rows(by_id=_by_cid(envelope.InformationList.Information))
    if envelope.Waiting is not None:
        return _trouble(answer, ErrorCategory.GARBLED, "a list that has to be waited for", spoke=True)
    return _trouble(answer, ErrorCategory.CHANGED, "JSON without rows", spoke=False)


def _by_cid(rows: Iterable[msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Return rows by CID; what has none is nobody's."""
    by_cid = {}
    for raw in rows:
        try:
            by_cid[str(read_cid(raw))] = raw
        except ValueError:
            continue
    return by_cid


def _fault(answer: Response, fault: _Fault) -> Trouble:
    code = fault.Code.rpartition(".")[2]
    category = _CATEGORY_BY_CODE.get(code)
    if category is None:
        return _by_status(answer, _CATEGORY_OF_FAULT_BY_STATUS, spoke=True)
    message = f"{fault.Code}: {'; '.join([fault.Message, *fault.Details])}"
    return _trouble(answer, category, message, spoke=True)


def _without_json(answer: Response) -> Trouble:
    """Tell apart what is no JSON: pages for people, texts, and JSON that was cut off."""
    if answer.status != 200:
        return _by_status(answer, _CATEGORY_BY_STATUS, spoke=False)
    if answer.body.lstrip()[:1] == b"{":
        return _trouble(answer, ErrorCategory.GARBLED, "JSON that cannot be read", spoke=True)
    return _trouble(answer, ErrorCategory.OVERLOADED, "a page instead of JSON", spoke=False)


def _by_status(answer: Response, categories: Mapping[int, ErrorCategory], *, spoke: bool) -> Trouble:
    category = categories.get(answer.status, ErrorCategory.OVERLOADED)
    return _trouble(answer, category, f"status {answer.status}", spoke=spoke)


def _trouble(answer: Response, category: ErrorCategory, message: str, *, spoke: bool) -> Trouble:
    parts = [message[:LONGEST_MESSAGE]]
    if not spoke:
        parts.append(_TAGS.sub(b" ", answer.body[:LONGEST_MESSAGE]).decode(errors="replace").strip())
    return Trouble(
        category=category,
        message=": ".join(filter(None, parts)),
        # PubChem marks its pages, too.
        spoke=spoke or THROTTLING_HEADER in answer.headers,
        retry_after_seconds=read_rate_headers(answer.headers, answer.answered_at).retry_after_seconds,
    )
