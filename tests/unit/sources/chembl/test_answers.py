"""What ChEMBL's answers mean, whatever their form."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.http.messages import NoResponse, Response
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.chembl.answers import NOBODY, read_answer
from cryoasync.sources.chembl.endpoints import OBJECTS, Endpoint, count, molecules, pages

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BY_ID = molecules("ChEMBL_37")
BY_PLACE = pages(())
PAGE = b"<!doctype html>\n<html><head><title>Server error &lt; EMBL-EBI</title></head></html>"


def response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status=status, headers=headers or {}, body=raw, sent_at=0.0, seconds=0.1, answered_at=NOON
    )


def page(*ids: str, total: int, limit: int = 20, offset: int = 0) -> dict[str, Any]:
    return {
        "molecules": [{"molecule_chembl_id": each} for each in ids],
        "page_meta": {"limit": limit, "offset": offset, "total_count": total, "next": None, "previous": None},
    }


def rows(endpoint: Endpoint, answer: Response) -> Rows:
    told = read_answer(endpoint, answer)
    assert isinstance(told, Rows)
    return told


def trouble(answer: Response | NoResponse, endpoint: Endpoint = BY_ID) -> Trouble:
    told = read_answer(endpoint, answer)
    assert isinstance(told, Trouble)
    return told


def test_molecules_by_id_are_complete_where_all_that_were_found_are_there() -> None:
    """Then those that lack do not exist; else an answer fell short."""
    complete = rows(BY_ID, response(page("CHEMBL1", "CHEMBL2", total=2)))
    short = rows(BY_ID, response(page("CHEMBL1", total=2)))
    assert (list(complete.by_id), complete.is_complete) == (["CHEMBL1", "CHEMBL2"], True)
    assert (list(short.by_id), short.is_complete) == (["CHEMBL1"], False)


def test_a_row_without_an_id_is_nobodys() -> None:
    """It is passed over."""
    answer = page("CHEMBL1", total=2)
    answer["molecules"].append({"pref_name": "X"})
    assert rows(BY_ID, response(answer)).by_id.keys() == {"CHEMBL1"}


def test_molecules_of_a_page_stand_in_their_places() -> None:
    """Those behind the end of the list hold nobody."""
    told = rows(BY_PLACE, response(page("CHEMBL5", "CHEMBL3", total=42, limit=4, offset=40)))
    assert bytes(told.by_id["#40"]) == b'{"molecule_chembl_id": "CHEMBL5"}'
    assert bytes(told.by_id["#41"]) == b'{"molecule_chembl_id": "CHEMBL3"}'
    assert [told.by_id[f"#{place}"] for place in (42, 43)] == [NOBODY, NOBODY]


def test_of_a_page_that_lacks_molecules_no_place_is_known() -> None:
    """The others stand where they do not belong."""
    told = trouble(response(page("CHEMBL5", total=42, limit=4, offset=0)), BY_PLACE)
    assert (told.category, told.message) == (ErrorCategory.GARBLED, "1 of 4 molecules on a page")


def test_a_count_and_single_objects_are_told_by_what_they_hold() -> None:
    """Whatever else stands in them."""
    assert b'"total_count":7' in bytes(rows(count(()), response(page("CHEMBL1", total=7))).by_id["count"])
    assert rows(OBJECTS, response({"chembl_db_version": "ChEMBL_37"})).by_id.keys() == {"status"}
    assert rows(OBJECTS, response({"fields": {}})).by_id.keys() == {"molecule/schema"}
    assert rows(OBJECTS, response({"molecule_chembl_id": "CHEMBL25"})).by_id.keys() == {"molecule/CHEMBL25"}


@pytest.mark.parametrize(
    ("answer", "category", "spoke"),
    [
        pytest.param(response(b"", 404), ErrorCategory.NOT_FOUND, True, id="an empty 404"),
        pytest.param(response(PAGE, 404), ErrorCategory.OVERLOADED, False, id="the 404 of a gateway"),
        pytest.param(
            response({"error_message": "no such lookup"}, 400), ErrorCategory.REJECTED, True, id="400"
        ),
        pytest.param(response({"exception": "no such order"}, 400), ErrorCategory.REJECTED, True, id="order"),
        pytest.param(response({"error_message": "database"}, 500), ErrorCategory.OVERLOADED, True, id="500"),
        pytest.param(response(PAGE, 500), ErrorCategory.OVERLOADED, False, id="a 500 page"),
        pytest.param(response(PAGE, 502), ErrorCategory.OVERLOADED, False, id="a 502 page"),
        pytest.param(response(PAGE, 503), ErrorCategory.OVERLOADED, False, id="a 503 page"),
        pytest.param(response(PAGE, 504), ErrorCategory.TOO_BIG, False, id="a 504 page"),
        pytest.param(response(b"", 429), ErrorCategory.THROTTLED, False, id="429"),
        pytest.param(response(PAGE, 403), ErrorCategory.BLOCKED, False, id="403"),
        pytest.param(response(PAGE), ErrorCategory.OVERLOADED, False, id="a page under 200"),
        pytest.param(response(b'{"molecules": [{"mol'), ErrorCategory.GARBLED, True, id="cut off"),
        pytest.param(response({"rows": []}), ErrorCategory.CHANGED, False, id="another form"),
        pytest.param(response(b'{"x":' + b"[" * 99_999), ErrorCategory.GARBLED, True, id="deep"),
        pytest.param(
            NoResponse(reason="reset", sent_at=0.0, seconds=1.0, answered_at=NOON),
            ErrorCategory.UNREACHABLE,
            False,
            id="no answer",
        ),
    ],
)
def test_each_trouble_is_told_from_the_others(
    answer: Response | NoResponse, category: ErrorCategory, spoke: bool
) -> None:
    """By the body first, for errors come as pages although JSON was asked for."""
    told = trouble(answer)
    assert (told.category, told.spoke) == (category, spoke)


def test_a_message_says_what_the_page_said_and_when_to_come_again() -> None:
    """Without its tags."""
    told = trouble(response(PAGE, 503, {"Retry-After": "7"}))
    assert told.message == "status 503: Server error &lt; EMBL-EBI"
    assert told.retry_after_seconds == 7.0
