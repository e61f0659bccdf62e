"""What PubChem's answers, refusals and failures are taken for."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.http.messages import NoResponse, Response
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.pubchem.answers import LONGEST_MESSAGE, read_answer

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
IDLE = "Request Count status: Green (0%), Request Time status: Green (0%), Service status: Green (13%)"
BLOCKED = f"{IDLE}, too many requests per second or blacklisted"
HTML = b"<!DOCTYPE html><html><head><title>503 Service\n Unavailable</title></head><body>Sorry</body></html>"
BUSY = {"Code": "PUGREST.ServerBusy", "Message": "Too many requests or server too busy"}


def response(status: int, body: bytes | Mapping[str, Any], **headers: str) -> Response:
    """Make an answer; a mapping is printed as PubChem prints JSON, ``Retry_After`` is ``Retry-After``."""
    return Response(
        status=status,
        headers=CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}),
        body=body if isinstance(body, bytes) else f"{json.dumps(body, indent=2)}\n".encode(),
        sent_at=0.0,
        seconds=0.1,
        answered_at=NOW,
    )


def fault(status: int, code: str, message: str = "It is so", *details: str, **headers: str) -> Response:
    """Make a fault, with details where there are any."""
    content: dict[str, Any] = {"Code": code, "Message": message}
    if details:
        content["Details"] = list(details)
    return response(status, {"Fault": content}, **headers)


def trouble(answer: Response | NoResponse) -> Trouble:
    """Read an answer that has no rows."""
    told = read_answer(answer)
    assert isinstance(told, Trouble)
    return told


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("PUGREST.BadRequest", ErrorCategory.REJECTED),
        ("PUGREST.NotFound", ErrorCategory.NOT_FOUND),
        ("PUGREST.NotAllowed", ErrorCategory.REJECTED),
        ("PUGREST.Timeout", ErrorCategory.TOO_BIG),
        ("PUGREST.ServerBusy", ErrorCategory.THROTTLED),
        ("PUGREST.Unimplemented", ErrorCategory.REJECTED),
        ("PUGREST.ServerError", ErrorCategory.OVERLOADED),
        ("PUGREST.Unknown", ErrorCategory.OVERLOADED),
        ("PUGVIEW.NotFound", ErrorCategory.NOT_FOUND),
        ("PUGVIEW.ServerBusy", ErrorCategory.THROTTLED),
        ("ServerBusy", ErrorCategory.THROTTLED),
    ],
)
@pytest.mark.parametrize("status", [200, 202, 400, 403, 404, 405, 429, 500, 501, 503, 504])
def test_the_code_of_a_fault_decides_under_any_status(
    status: int, code: str, category: ErrorCategory
) -> None:
    """PubChem sends faults under other statuses than its own table says, 200 among them."""
    told = trouble(fault(status, code, "No CID found", "No CID found that matches"))
    assert told.category is category
    assert told.message == f"{code}: No CID found; No CID found that matches"
    assert told.spoke


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (400, ErrorCategory.REJECTED),
        (404, ErrorCategory.NOT_FOUND),
        (405, ErrorCategory.REJECTED),
        (413, ErrorCategory.TOO_BIG),
        (414, ErrorCategory.TOO_BIG),
        (429, ErrorCategory.THROTTLED),
        (500, ErrorCategory.OVERLOADED),
        (503, ErrorCategory.OVERLOADED),
        (504, ErrorCategory.TOO_BIG),
    ],
)
def test_a_fault_of_unknown_code_counts_by_its_status(status: int, category: ErrorCategory) -> None:
    """A code of tomorrow is no reason to stop; what sent it speaks the API all the same."""
    told = trouble(fault(status, "PUGREST.Tomorrow"))
    assert (told.category, told.spoke) == (category, True)


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (200, HTML, ErrorCategory.OVERLOADED),
        (202, HTML, ErrorCategory.OVERLOADED),
        (301, HTML, ErrorCategory.OVERLOADED),
        (401, HTML, ErrorCategory.OVERLOADED),
        (403, HTML, ErrorCategory.OVERLOADED),
        (400, HTML, ErrorCategory.OVERLOADED),
        (404, HTML, ErrorCategory.OVERLOADED),
        (405, HTML, ErrorCategory.OVERLOADED),
        (413, HTML, ErrorCategory.TOO_BIG),
        (429, HTML, ErrorCategory.THROTTLED),
        (500, HTML, ErrorCategory.OVERLOADED),
        (502, HTML, ErrorCategory.OVERLOADED),
        (503, HTML, ErrorCategory.OVERLOADED),
        (504, HTML, ErrorCategory.TOO_BIG),
        (200, b"", ErrorCategory.OVERLOADED),
        (503, b"", ErrorCategory.OVERLOADED),
        (404, b"", ErrorCategory.OVERLOADED),
        (404, b'{"error": "no such page"}', ErrorCategory.OVERLOADED),
        (404, b"Status: 404\nCode: PUGREST.NotFound\nMessage: No records found\n", ErrorCategory.OVERLOADED),
        (200, b"[]", ErrorCategory.OVERLOADED),
        (200, b"null", ErrorCategory.OVERLOADED),
        (200, b"\xff\xfe{", ErrorCategory.OVERLOADED),
        (200, b'{"status": "ok"}', ErrorCategory.CHANGED),
        (503, b'{"status": "maintenance"}', ErrorCategory.OVERLOADED),
        (429, b'{"error": "slow down"}', ErrorCategory.THROTTLED),
    ],
)
def test_what_does_not_speak_the_api_is_told_by_its_status(
    status: int, body: bytes, category: ErrorCategory
) -> None:
    """Pages, empty bodies and the JSON of others say nothing of a compound, least of all that there is none."""
    told = trouble(response(status, body))
    assert (told.category, told.spoke) == (category, False)
    if body is HTML:
        assert told.message.endswith(": 503 Service Unavailable Sorry")


@pytest.mark.parametrize(
    "body",
    [
        b'{\n  "PropertyTable": {\n    "Properties": [\n      {\n        "CID": 22',
        b'{"PropertyTable": {"Properties": [{"CID": 2244}]}',
        b'{"PropertyTable": {"Properties": null}}',
        b'{"PropertyTable": {"Properties": {"CID": 2244}}}',
        b'{"PropertyTable": []}',
        b'{"Fault": "PUGREST.NotFound"}',
        b'  {"PropertyTable"',
        pytest.param(b'{"PropertyTable": {"Properties": ' + b"[" * 100_000, id="deeply nested"),
    ],
)
def test_json_that_breaks_off_or_is_of_another_shape_is_garbled(body: bytes) -> None:
    """It is asked for again, since what sent it does speak the API."""
    told = trouble(response(200, body))
    assert (told.category, told.spoke) == (ErrorCategory.GARBLED, True)


@pytest.mark.parametrize(
    ("status", "category"), [(200, ErrorCategory.GARBLED), (202, ErrorCategory.OVERLOADED)]
)
def test_a_waiting_list_is_no_answer_but_speaks_the_api(status: int, category: ErrorCategory) -> None:
    """Searches answer so; where a table was asked for, it is asked for again."""
    waiting = {"Waiting": {"ListKey": "1473937740822479658", "Message": "Your request is running"}}
    told = trouble(response(status, waiting))
    assert (told.category, told.spoke) == (category, True)


@pytest.mark.parametrize("status", [500, 503])
def test_rows_under_an_error_status_are_not_taken(status: int) -> None:
    """They may be half of what was asked for."""
    table = {"PropertyTable": {"Properties": [{"CID": 2244, "Title": "Aspirin"}]}}
    assert trouble(response(status, table)).category is ErrorCategory.OVERLOADED


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (
            {"PropertyTable": {"Properties": [{"CID": 2244, "XLogP": 1.2}, {"CID": 5}]}},
            {"2244": '{"CID":2244,"XLogP":1.2}', "5": '{"CID":5}'},
        ),
        (
            {"InformationList": {"Information": [{"CID": 1, "Synonym": ["a"]}]}},
            {"1": '{"CID":1,"Synonym":["a"]}'},
        ),
        ({"PropertyTable": {"Properties": []}}, {}),
        ({"PropertyTable": {}}, {}),
        (
            {"PropertyTable": {"Properties": [7, {"CID": 3}, {"Title": "x"}]}, "Version": 3},
            {"3": '{"CID":3}'},
        ),
    ],
)
def test_rows_are_handed_on_by_cid_as_they_were_written(
    body: Mapping[str, Any], rows: dict[str, str]
) -> None:
    """One row that cannot be read does not spoil the others, so no more than its CID is read here."""
    told = read_answer(response(200, json.dumps(body, separators=(",", ":")).encode()))
    assert isinstance(told, Rows)
    assert {cid: bytes(raw).decode() for cid, raw in told.by_id.items()} == rows


@pytest.mark.parametrize("body", [{"Fault": BUSY}, HTML, b""])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (BLOCKED, 30.0),
        (f"{IDLE}, Remaining blocking time: 00:04:11", 251.0),
        (BLOCKED.upper(), 30.0),
        ("Blacklisted", 30.0),
    ],
)
@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_blocked_address_is_known_by_the_end_of_the_header(
    status: int, header: str, seconds: float, body: bytes | Mapping[str, Any]
) -> None:
    """The colours stay green while every request is refused; what the text says of the time left is believed."""
    told = trouble(response(status, body, X_Throttling_Control=header, Retry_After="30"))
    assert (told.category, told.spoke, told.retry_after_seconds) == (ErrorCategory.BLOCKED, True, seconds)


@pytest.mark.parametrize(
    "header",
    [
        "Request Count status: Green (0%), Request Time status: Green (0%), Service status: Black (303%)",
        "Request Count status: Red (80%), Request Time status: Yellow (60%), WebConverter status: Green (20%)",
        BLOCKED,
        "",
        "mauve",
    ],
)
def test_no_colour_spoils_a_good_answer(header: str) -> None:
    """The load of the service, and our own use, are no refusal as long as there are rows."""
    table = {"PropertyTable": {"Properties": [{"CID": 2244}]}}
    assert isinstance(read_answer(response(200, table, X_Throttling_Control=header)), Rows)


def test_a_page_with_the_throttling_header_comes_from_pubchem() -> None:
    """It may answer with a page while it is overloaded; the address is right all the same."""
    told = trouble(response(503, HTML, X_Throttling_Control=IDLE))
    assert (told.category, told.spoke) == (ErrorCategory.OVERLOADED, True)
    assert "Service Unavailable" in told.message


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "30"}, 30.0),
        ({"Retry_After": "Tue, 24 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"Retry_After": "0"}, None),
        ({"Retry_After": "Tue, 24 Nov 2026 11:00:00 GMT"}, None),
    ],
)
def test_a_refusal_says_when_to_come_again_if_it_knows(
    status: int, headers: Mapping[str, str], seconds: float | None
) -> None:
    """In seconds or as a date; often it says nothing."""
    told = trouble(response(status, {"Fault": BUSY}, **headers))
    assert (told.category, told.retry_after_seconds) == (ErrorCategory.THROTTLED, seconds)


def test_an_attempt_without_an_answer_is_unreachable() -> None:
    """Its reason is kept."""
    none = NoResponse(reason="ConnectionResetError: gone", sent_at=1.0, seconds=2.0, answered_at=NOW)
    told = trouble(none)
    assert (told.category, told.message, told.spoke) == (
        ErrorCategory.UNREACHABLE,
        "ConnectionResetError: gone",
        False,
    )


def test_messages_stay_short() -> None:
    """A fault repeats its whole question in its details at times; a page has no end."""
    long = "structure " * 1000
    assert len(trouble(fault(400, "PUGREST.BadRequest", long, long)).message) == LONGEST_MESSAGE
    assert len(trouble(response(500, b"x" * 100_000)).message) < 2 * LONGEST_MESSAGE


@given(
    status=st.integers(100, 599),
    body=st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "Fault",
                            "Code",
                            "Message",
                            "Details",
                            "PropertyTable",
                            "Properties",
                            "InformationList",
                        ]
                    ),
                    inner,
                    max_size=3,
                )
            ),
        ).map(lambda content: json.dumps(content).encode()),
    ),
    header=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF)),
)
def test_any_answer_is_rows_or_a_trouble(status: int, body: bytes, header: str) -> None:
    """Nothing that a server sends makes the reading raise; rows come under 200 alone."""
    told = read_answer(response(status, body, X_Throttling_Control=header, Retry_After=header))
    assert isinstance(told, Trouble) or status == 200
