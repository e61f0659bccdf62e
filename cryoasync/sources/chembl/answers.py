"""What an answer of ChEMBL says: rows, or the kind of trouble, told from body and status.

Errors may be pages for people although JSON was asked for, so the body goes first.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cryoasync.control.rate.rate_headers import read_rate_headers
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.http.messages import NoResponse, Response
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.chembl.endpoints import COUNT, SCHEMA, STATUS, Endpoint, Kind, place
from cryoasync.sources.chembl.records import read_chembl_id

NOBODY = msgspec.Raw(b"null")
"""What stands for a place behind the end of a list."""

LONGEST_MESSAGE = 300

_TAGS = re.compile(rb"(?:<[^>]*>|\s)+")
_CATEGORY_BY_STATUS = {
    403: ErrorCategory.BLOCKED,
    413: ErrorCategory.TOO_BIG,
    414: ErrorCategory.TOO_BIG,
    429: ErrorCategory.THROTTLED,
    504: ErrorCategory.TOO_BIG,
}
# What only the API itself can say; any gateway answers 404 with a page of its own.
_CATEGORY_OF_MESSAGE_BY_STATUS = _CATEGORY_BY_STATUS | {
    300: ErrorCategory.REJECTED,
    400: ErrorCategory.REJECTED,
    404: ErrorCategory.NOT_FOUND,
    405: ErrorCategory.REJECTED,
}


class PageMeta(msgspec.Struct):
    """Where a page stands in its list."""

    limit: int
    offset: int
    total_count: int


class _List(msgspec.Struct):
    molecules: list[msgspec.Raw]
    page_meta: PageMeta


class _Message(msgspec.Struct):
    error_message: Any = None
    exception: Any = None


_list_decoder = msgspec.json.Decoder(_List)
_message_decoder = msgspec.json.Decoder(_Message)
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_answer(endpoint: Endpoint, answer: Response | NoResponse) -> Rows | Trouble:
    """Tell rows from trouble, and one kind of trouble from another."""
    if isinstance(answer, NoResponse):
        return Trouble(category=ErrorCategory.UNREACHABLE, message=answer.reason, spoke=False)
    if answer.status != 200:
        return _failure(answer)
    try:
        return _object(answer) if endpoint.kind is Kind.OBJECT else _list(endpoint, answer)
    except msgspec.ValidationError as error:
        return _trouble(answer, ErrorCategory.CHANGED, f"JSON of another form ({error})", spoke=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if answer.body.lstrip()[:1] == b"{":
            return _trouble(answer, ErrorCategory.GARBLED, "JSON that cannot be read", spoke=True)
        return _trouble(answer, ErrorCategory.OVERLOADED, "a page instead of JSON", spoke=False)


def _list(endpoint: Endpoint, answer: Response) -> Rows | Trouble:
    page = _list_decoder.decode(answer.body)
    meta = page.page_meta
    if endpoint.kind is Kind.COUNT:
        return Rows(by_id={COUNT: msgspec.Raw(msgspec.json.encode(meta))})
    if endpoint.kind is Kind.BY_ID:
        return Rows(by_id=_by_chembl_id(page.molecules), is_complete=len(page.molecules) == meta.total_count)
    expected = max(0, min(meta.limit, meta.total_count - meta.offset))
    if len(page.molecules) != expected:
        # Which ones lack cannot be told, so none of the others is where it should be.
        message = f"{len(page.molecules)} of {expected} molecules on a page"
        return _trouble(answer, ErrorCategory.GARBLED, message, spoke=True)
    behind_the_end = [NOBODY] * (meta.limit - expected)
    return Rows(
        by_id={
            place(meta.offset + index): raw for index, raw in enumerate([*page.molecules, *behind_the_end])
        }
    )


def _by_chembl_id(rows: list[msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Return rows by id; what has none is nobody's."""
    by_id = {}
    for raw in rows:
        try:
            by_id[read_chembl_id(raw)] = raw
        except ValueError:
            continue
    return by_id


def _object(answer: Response) -> Rows | Trouble:
    members = _object_decoder.decode(answer.body)
    whole = msgspec.Raw(answer.body)
    if "chembl_db_version" in members:
        return Rows(by_id={STATUS: whole})
    if "fields" in members:
        return Rows(by_id={SCHEMA: whole})
    if "molecule_chembl_id" in members:
        return Rows(by_id={f"molecule/{read_chembl_id(answer.body)}": whole})
    return _trouble(answer, ErrorCategory.CHANGED, "JSON of another kind", spoke=False)


def _failure(answer: Response) -> Trouble:
    if answer.status == 404 and not answer.body:
        return _trouble(answer, ErrorCategory.NOT_FOUND, "ChEMBL has nothing there", spoke=True)
    try:
        said = _message_decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _by_status(answer, _CATEGORY_BY_STATUS, f"status {answer.status}", spoke=False)
    message = said.error_message or said.exception
    if message is None:
        return _by_status(answer, _CATEGORY_BY_STATUS, f"status {answer.status}", spoke=False)
    return _by_status(answer, _CATEGORY_OF_MESSAGE_BY_STATUS, f"{message}", spoke=True)


def _by_status(
    answer: Response, categories: Mapping[int, ErrorCategory], message: str, *, spoke: bool
) -> Trouble:
    category = categories.get(answer.status, ErrorCategory.OVERLOADED)
    return _trouble(answer, category, message, spoke=spoke)


def _trouble(answer: Response, category: ErrorCategory, message: str, *, spoke: bool) -> Trouble:
    parts = [message[:LONGEST_MESSAGE]]
    if not spoke:
        parts.append(_TAGS.sub(b" ", answer.body[:LONGEST_MESSAGE]).decode(errors="replace").strip())
    return Trouble(
        category=category,
        message=": ".join(filter(None, parts)),
        spoke=spoke,
        retry_after_seconds=read_rate_headers(answer.headers, answer.answered_at).retry_after_seconds,
    )
