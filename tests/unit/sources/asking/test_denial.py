"""A source that says itself which ids do not exist is believed when it says so twice."""

from datetime import UTC, datetime

import msgspec

from cryoasync.control.troubles.isolation import Isolation
from cryoasync.http.messages import Response
from cryoasync.models import Activity, Entry
from cryoasync.sources.asking.answers import Rows
from cryoasync.sources.asking.fetch import Absent, Fetch, Found, Question
from cryoasync.sources.chembl.endpoints import Endpoint, molecules

ANSWER = Response(
    status=200, headers={}, body=b"", sent_at=0.0, seconds=0.1, answered_at=datetime(2026, 5, 4, tzinfo=UTC)
)
ENTRIES = [Entry(position=number, source_id=f"CHEMBL{number}") for number in range(4)]


def unheard(_: Activity) -> None:
    """Tell nobody."""


def rows(*numbers: int, is_complete: bool) -> Rows:
    return Rows(by_id={f"CHEMBL{number}": msgspec.Raw(b"{}") for number in numbers}, is_complete=is_complete)


def fetch_of(entries: list[Entry]) -> tuple[Fetch[Endpoint], Question]:
    ids = [entry.source_id for entry in entries]
    fetch = Fetch(
        endpoint=molecules(None), ids=ids, report=unheard, isolation=Isolation[Entry](lambda _: None)
    )
    return fetch, Question.of(entries)


def test_what_is_denied_twice_is_absent() -> None:
    """Once narrowed to what lacked, and once more all at a time."""
    fetch, question = fetch_of(ENTRIES)
    assert fetch.take_rows(question, rows(0, 2, is_complete=True), ANSWER) is not None
    assert [entry.source_id for entry in question.entries] == ["CHEMBL1", "CHEMBL3"]
    assert fetch.take_rows(question, rows(is_complete=True), ANSWER) is None
    kinds = {source_id: type(answer) for source_id, answer in fetch.answers.items()}
    assert kinds == {"CHEMBL0": Found, "CHEMBL2": Found, "CHEMBL1": Absent, "CHEMBL3": Absent}


def test_what_turns_up_the_second_time_is_found() -> None:
    """The rest is absent then."""
    fetch, question = fetch_of(ENTRIES[:2])
    assert fetch.take_rows(question, rows(is_complete=True), ANSWER) is not None
    assert fetch.take_rows(question, rows(1, is_complete=True), ANSWER) is None
    assert isinstance(fetch.answers["CHEMBL1"], Found)
    assert isinstance(fetch.answers["CHEMBL0"], Absent)


def test_an_answer_that_fell_short_denies_nothing() -> None:
    """Not the first time, and not after a denial."""
    fetch, question = fetch_of(ENTRIES[:2])
    assert fetch.take_rows(question, rows(is_complete=True), ANSWER) is not None
    assert fetch.take_rows(question, rows(is_complete=False), ANSWER) is not None
    assert fetch.take_rows(question, rows(is_complete=True), ANSWER) is not None
    assert fetch.answers == {}
