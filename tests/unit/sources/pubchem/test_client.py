"""How a chunk is asked for until each of its compounds is settled."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from cryoasync.control.circuit.circuit_policy import CircuitState
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.errors import NotTheApiError, SettingsError, SourceChangedError, SourceUnavailableError
from cryoasync.http.reach import STRANGE_ANSWERS_AT_MOST
from cryoasync.models import Activity, Attempt, FailureKind, Span
from cryoasync.sources.asking.fetch import Absent, Answer, Failed, Fetch, Found
from cryoasync.sources.pubchem.api import REFERENCE_CIDS
from cryoasync.sources.pubchem.endpoints import SYNONYMS, Endpoint
from tests.unit.control.chunks.sizing import MONDAY, NOON
from tests.unit.sources.pubchem.builders import (
    BASE_URL,
    BLOCKED_HEADER,
    BROKEN,
    BUSY,
    CUT_OFF,
    EPOCH,
    EXCHANGE_SECONDS,
    PROPERTIES,
    Bench,
    Reply,
    Request,
    entries,
    fault,
    fetch_all,
    on_virtual_time,
    page,
    table,
    whole,
    written,
)

PUBCHEMS = RatePolicy(counts=(CountWindow(limit=5, seconds=1.0), CountWindow(limit=400, seconds=60.0)))
SERVER_SECONDS = 30.0
"""After so long PubChem gives a request up."""

SERVER_TROUBLES = {
    "fault 500": fault(500, "ServerError"),
    "fault unknown": fault(500, "Unknown"),
    "fault 504": fault(504, "Timeout"),
    "page 200": page(200),
    "page 404": page(404),
    "page 502": page(502),
    "page 503": page(503),
    "page 504": page(504),
    "empty": Reply(),
    "cut off": CUT_OFF,
    "broken": BROKEN,
    "busy": BUSY,
    "blocked": fault(503, "ServerBusy", X_Throttling_Control=BLOCKED_HEADER),
}
"""What a server in trouble sends, though nothing is wrong with the compounds asked for."""

troubles = pytest.mark.parametrize("trouble", SERVER_TROUBLES.values(), ids=SERVER_TROUBLES)


def kinds(fetch: Fetch[Endpoint]) -> Counter[type[Answer]]:
    """Count the answers by what they are."""
    return Counter(type(answer) for answer in fetch.answers.values())


def test_a_chunk_that_is_answered_whole_takes_one_request() -> None:
    """The ids go in the body, the properties in the path; the request is recorded."""
    bench, fetch = fetch_all(200, whole)
    (request,) = bench.requests
    assert request.url == f"{BASE_URL}/{PROPERTIES.path}"
    assert request.ids == tuple(str(number) for number in range(1, 201))
    assert kinds(fetch) == {Found: 200}
    seventh = fetch.answers["7"]
    assert isinstance(seventh, Found)
    assert json.loads(bytes(seventh.raw)) == {"CID": 7, "Title": "Compound 7"}
    assert seventh.answered_at == EPOCH + timedelta(seconds=EXCHANGE_SECONDS)
    assert fetch.attempts == [
        Attempt(
            endpoint="property",
            span=Span(start=101, stop=301),
            first_id="1",
            last_id="200",
            ids=200,
            sent_at=EPOCH,
            seconds=EXCHANGE_SECONDS,
            status=200,
            decision="rows",
        )
    ]
    assert (bench.traffic.requests, bench.traffic.retries, bench.traffic.errors) == (1, 0, {})
    assert bench.activities == [Activity.WAITING_FOR_PERMIT, Activity.FETCHING]


def test_each_request_is_a_log_line_for_who_wants_to_see_them() -> None:
    """At the level debug; a request that brought no answer has no status."""
    with capture_logs() as lines:
        fetch_all(10, lambda request: whole(request) if request.number else BROKEN)
    expected = {"endpoint": "property", "first_id": "1", "ids": 10, "log_level": "debug", "event": "request"}
    assert [line["status"] for line in lines if line.items() >= expected.items()] == [None, 200]
    assert [line["decision"].partition(":")[0] for line in lines] == ["unreachable, retry", "rows"]


def test_missing_rows_are_asked_for_again_alone() -> None:
    """A short answer is common while PubChem is busy; what came with it is kept."""

    def behaviour(request: Request) -> Reply:
        return whole(request) if request.number else table(request.ids[:3] + request.ids[5:])

    bench, fetch = fetch_all(10, behaviour)
    assert [request.ids for request in bench.requests[1:]] == [("4", "5")]
    assert kinds(fetch) == {Found: 10}
    assert [
        (attempt.first_id, attempt.last_id, attempt.ids, attempt.decision) for attempt in fetch.attempts
    ] == [
        ("1", "10", 10, "incomplete, retry: 8 of 10 rows"),
        ("4", "5", 2, "rows"),
    ]
    assert bench.traffic.errors == bench.traffic.recovered == {ErrorCategory.INCOMPLETE: 1}
    assert bench.traffic.retries == 1


def test_rows_that_never_come_are_absences_of_those_compounds_alone() -> None:
    """Asked for in a batch, in halves and alone, twice each, before they count as absent."""
    bench, fetch = fetch_all(
        200, lambda request: table([cid for cid in request.ids if cid not in {"50", "51", "199"}])
    )
    assert kinds(fetch) == {Found: 197, Absent: 3}
    assert fetch.answers["50"] == Absent(reason="asked for alone, twice: 0 of 1 rows")
    assert [request.ids for request in bench.requests].count(("50",)) == 2
    assert len(bench.requests) <= 12
    assert bench.traffic.recovered == bench.traffic.errors


def test_a_bare_row_is_an_answer() -> None:
    """So PubChem says that it does not know a CID: it is not asked again."""
    bench, fetch = fetch_all(
        2, lambda request: written({"PropertyTable": {"Properties": [{"CID": 1}, {"CID": 2}]}})
    )
    assert len(bench.requests) == 1
    assert kinds(fetch) == {Found: 2}


def test_rows_that_nobody_asked_for_are_passed_over() -> None:
    """Rows of other compounds, of CID 0 or of none; the same row twice; a CID as text."""

    def behaviour(request: Request) -> Reply:
        rows: list[object] = [
            {"CID": 0},
            7,
            {"Title": "nobody"},
            {"CID": "x"},
            {"CID": 999, "Title": "stranger"},
        ]
        rows += [{"CID": str(cid), "Title": f"Compound {cid}"} for cid in request.ids]
        return written({"PropertyTable": {"Properties": rows + rows}})

    bench, fetch = fetch_all(3, behaviour)
    assert len(bench.requests) == 1
    assert fetch.answers.keys() == {"1", "2", "3"}
    assert kinds(fetch) == {Found: 3}


@pytest.mark.parametrize(
    ("reply", "at_most", "answer"),
    [
        (fault(400, "BadRequest"), 18, Failed),
        (fault(404, "NotFound"), 18, Absent),
        (fault(504, "Timeout"), 50, Failed),
        (CUT_OFF, 50, Failed),
        (fault(500, "ServerError"), 70, Failed),
        (page(503), 70, Failed),
        (BROKEN, 70, Failed),
    ],
    ids=["refused", "unknown", "too long", "garbled", "error", "page", "broken"],
)
def test_a_poisonous_id_is_found_by_dividing(reply: Reply, at_most: int, answer: type[Answer]) -> None:
    """It falls alone: 199 others arrive, with few requests."""

    def behaviour(request: Request) -> Reply:
        return reply if "137" in request.ids else whole(request)

    bench, fetch = fetch_all(200, behaviour)
    assert kinds(fetch) == {Found: 199, answer: 1}
    assert isinstance(fetch.answers["137"], answer)
    assert len(bench.requests) <= at_most
    alone = [request for request in bench.requests if request.ids == ("137",)]
    assert len(alone) > 1


def test_a_part_that_passes_condemns_the_rest_without_a_request() -> None:
    """Rows that came are never asked for again, and what was left over is asked for once, while the culprit waits."""
    bench, fetch = fetch_all(
        16, lambda request: fault(400, "BadRequest") if "6" in request.ids else whole(request)
    )
    assert [(int(request.ids[0]), len(request.ids)) for request in bench.requests] == [
        (1, 16),
        (1, 8),
        (1, 4),
        (5, 2),
        (5, 1),
        (6, 1),
        (9, 10),
        (6, 1),
    ]
    assert kinds(fetch) == {Found: 15, Failed: 1}


def test_many_culprits_in_a_chunk_cost_hardly_more_than_asking_for_each_alone() -> None:
    """The more are found, the smaller the parts that are asked for."""
    bench, fetch = fetch_all(200, lambda _: fault(400, "BadRequest"))
    assert kinds(fetch) == {Failed: 200}
    assert len(bench.requests) < 2.5 * 200


def test_an_open_circuit_makes_attempts_wait_and_costs_no_retry() -> None:
    """Ten minutes of pages: a request every half a minute at most once the circuit has opened."""

    def behaviour(request: Request) -> Reply:
        return page(503) if request.at < 600.0 else whole(request)

    async def main() -> None:
        bench = Bench(behaviour, spoke_before=True, policy=PUBCHEMS)
        async with asyncio.TaskGroup() as tasks:
            fetches = [
                tasks.create_task(bench.fetch(entries(10, first=1 + 100 * number))) for number in range(8)
            ]
        assert all(kinds(task.result()) == {Found: 10} for task in fetches)
        assert sum(request.at < 600.0 for request in bench.requests) <= 36
        assert min(request.at for request in bench.requests if request.at >= 600.0) <= 630.0
        assert Activity.HELD in bench.activities
        statistics = bench.breaker.get_stats()["property"]
        assert statistics.state is CircuitState.CLOSED
        assert statistics.held >= 8

    on_virtual_time(main)


@pytest.mark.parametrize("trouble", [BUSY, fault(400, "BadRequest"), fault(404, "NotFound"), CUT_OFF])
def test_throttles_and_poison_never_open_a_circuit(trouble: Reply) -> None:
    """They say nothing of whether the endpoint works."""

    def behaviour(request: Request) -> Reply:
        return trouble if request.number < 60 else whole(request)

    bench, _ = fetch_all(40, behaviour, spoke_before=True, policy=PUBCHEMS)
    assert bench.breaker.get_stats()["property"].transitions == ()


def test_answers_of_another_form_end_the_run_once_a_known_compound_has_it_too() -> None:
    """A changed API is no compound's fault, and no outage to be waited for."""

    async def main() -> None:
        bench = Bench(lambda _: written({"Table": {}}), spoke_before=True)
        with pytest.raises(SourceChangedError, match="JSON without rows"):
            await bench.fetch(entries(200))
        assert [len(request.ids) for request in bench.requests] == [200, 200, 200, 1]

    on_virtual_time(main)


def test_one_answer_of_another_form_fails_its_compound_alone() -> None:
    def behaviour(request: Request) -> Reply:
        return written({"Table": {}}) if "7" in request.ids else whole(request)

    _, fetch = fetch_all(20, behaviour)
    assert kinds(fetch) == {Found: 19, Failed: 1}
    failed = fetch.answers["7"]
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.DECODE


def test_a_compound_that_failed_says_how() -> None:
    """With the kind of its failure, the source's own words and the attempts made for it alone."""

    def behaviour(request: Request) -> Reply:
        if "3" in request.ids:
            return fault(400, "BadRequest", "Invalid ID, must be positive integer")
        return CUT_OFF if "5" in request.ids else whole(request)

    _, fetch = fetch_all(8, behaviour)
    assert fetch.answers["3"] == Failed(
        kind=FailureKind.POISON,
        message="PUGREST.BadRequest: Invalid ID, must be positive integer",
        attempts=2,
    )
    garbled = fetch.answers["5"]
    assert isinstance(garbled, Failed)
    assert (garbled.kind, garbled.message) == (FailureKind.DECODE, "JSON that cannot be read")
    assert kinds(fetch) == {Found: 6, Failed: 2}


def test_errors_of_a_compound_that_failed_are_not_recovered() -> None:
    """Those that were met before it stood alone are."""

    def behaviour(request: Request) -> Reply:
        return fault(400, "BadRequest") if "4" in request.ids else whole(request)

    bench, _ = fetch_all(4, behaviour)
    assert bench.traffic.errors == {ErrorCategory.REJECTED: 3}
    assert bench.traffic.recovered == {ErrorCategory.REJECTED: 1}


def test_a_chunk_that_is_not_found_whole_is_halved_down_to_each_compound() -> None:
    """PubChem answers so where it knows none; each is absent only after it was asked for alone, twice."""
    bench, fetch = fetch_all(8, lambda _: fault(404, "NotFound", "No CID found"))
    assert kinds(fetch) == {Absent: 8}
    assert fetch.answers["1"] == Absent(reason="asked for alone, twice: PUGREST.NotFound: No CID found")
    assert len(bench.requests) == 7 + 2 * 8
    assert bench.reach.is_simulator is None


def test_a_time_out_halves_at_once_and_makes_later_chunks_smaller() -> None:
    """The batch was too much for the server's 30 s."""

    def behaviour(request: Request) -> Reply:
        return fault(504, "Timeout") if len(request.ids) > 60 else whole(request)

    bench, fetch = fetch_all(200, behaviour, exchange_seconds=SERVER_SECONDS)
    assert [len(request.ids) for request in bench.requests] == [200, 100, 50, 50, 100, 50, 50]
    assert kinds(fetch) == {Found: 200}
    assert bench.sizer.get_next_chunk_size(NOON, MONDAY) < 100


def test_a_time_out_that_comes_too_soon_is_no_matter_of_size() -> None:
    """A gateway said so: the same batch is asked for once more before it is halved."""

    def behaviour(request: Request) -> Reply:
        return fault(504, "Timeout") if request.number == 0 else whole(request)

    bench, _ = fetch_all(200, behaviour)
    assert [len(request.ids) for request in bench.requests] == [200, 200]


@pytest.mark.parametrize("reply", [BUSY, fault(429, "ServerBusy"), page(429), fault(200, "ServerBusy")])
def test_a_throttle_never_counts_against_the_chunk(reply: Reply) -> None:
    """However often it is refused, it is asked for again whole."""

    def behaviour(request: Request) -> Reply:
        return reply if 0 < request.number <= 20 else whole(request)

    async def main() -> Fetch[Endpoint]:
        bench = Bench(behaviour, policy=PUBCHEMS)
        await bench.fetch(entries(1))
        fetch = await bench.fetch(entries(200))
        assert [len(request.ids) for request in bench.requests[1:]] == [200] * 21
        assert bench.traffic.recovered == {ErrorCategory.THROTTLED: 20}
        assert bench.traffic.throttled == 20
        assert bench.sizer.get_next_chunk_size(NOON, MONDAY) == 200
        return fetch

    assert kinds(on_virtual_time(main)) == {Found: 200}


@pytest.mark.parametrize("policy", [PUBCHEMS, RatePolicy()], ids=["pubchem's", "unlimited"])
def test_a_host_that_refuses_is_left_alone_for_as_long_as_it_asks(policy: RatePolicy) -> None:
    """Nothing goes out before Retry-After is over, also where no limit was set for the host."""

    def behaviour(request: Request) -> Reply:
        return whole(request) if request.number else fault(503, "ServerBusy", Retry_After="120")

    bench, _ = fetch_all(5, behaviour, policy=policy)
    assert bench.requests[1].at - bench.requests[0].at >= 120.0


def test_a_blocked_address_is_left_alone_for_longer_the_longer_it_lasts() -> None:
    """The header stays green, and half a minute is not enough."""
    blocked_times = 30

    def behaviour(request: Request) -> Reply:
        blocked = request.number < blocked_times
        return page(503, X_Throttling_Control=BLOCKED_HEADER) if blocked else whole(request)

    bench, fetch = fetch_all(5, behaviour, policy=PUBCHEMS)
    sent = [request.at for request in bench.requests]
    pauses = [later - earlier for earlier, later in pairwise(sent)]
    assert min(pauses) >= 30.0
    assert pauses[-1] >= 120.0
    assert kinds(fetch) == {Found: 5}
    assert bench.traffic.recovered == {ErrorCategory.BLOCKED: blocked_times}


def test_a_good_answer_makes_the_next_block_the_first_again() -> None:
    """Blocks grow while they last, not over the life of a run."""
    freed = 30

    def behaviour(request: Request) -> Reply:
        blocked = request.number < freed or request.number == freed + 1
        return page(503, X_Throttling_Control=BLOCKED_HEADER) if blocked else whole(request)

    async def main() -> list[float]:
        bench = Bench(behaviour, policy=PUBCHEMS)
        for _ in range(2):
            await bench.fetch(entries(1))
        return [later.at - earlier.at for earlier, later in pairwise(bench.requests)]

    pauses = on_virtual_time(main)
    assert pauses[freed - 1] >= 120.0
    assert 30.0 <= pauses[freed + 1] < 60.0


def test_a_page_that_says_when_to_come_again_is_believed() -> None:
    """Maintenance is announced so; asking earlier helps nobody."""

    def behaviour(request: Request) -> Reply:
        return whole(request) if request.number else page(503, Retry_After="600")

    bench, _ = fetch_all(5, behaviour)
    assert bench.requests[1].at - bench.requests[0].at >= 600.0
    assert bench.activities.count(Activity.HELD) == 1, "nobody is stuck who does as the source asks"


@troubles
@pytest.mark.parametrize(("asked", "first"), [(40, 0), (40, 1), (1, 0), (2, 2), (8, 2)])
def test_an_outage_fails_no_compound(trouble: Reply, asked: int, first: int) -> None:
    """Ten minutes of any trouble, met by a batch, by halves of it or by single compounds: all arrive in the end."""

    def behaviour(request: Request) -> Reply:
        if request.number == 0 and first:
            return fault(400, "BadRequest")
        return trouble if request.number >= first and request.at < 600.0 else whole(request)

    bench, fetch = fetch_all(asked, behaviour, spoke_before=True, policy=PUBCHEMS)
    assert kinds(fetch) == {Found: asked}
    assert bench.requests[-1].at >= 600.0
    assert bench.traffic.recovered == bench.traffic.errors


@troubles
def test_an_outage_of_one_endpoint_fails_no_compound(trouble: Reply) -> None:
    """Answers to other questions prove nothing: for days, single operations have been out of order."""

    def behaviour(request: Request) -> Reply:
        return trouble if request.is_for_synonyms and request.at < 1800.0 else whole(request)

    async def main() -> None:
        bench = Bench(behaviour)
        properties = asyncio.create_task(_ask_again_and_again(bench))
        fetch = await bench.fetch(entries(3), SYNONYMS)
        properties.cancel()
        assert kinds(fetch) == {Found: 3}
        assert bench.requests[-1].at >= 1800.0

    async def _ask_again_and_again(bench: Bench) -> None:
        while True:
            await bench.client.fetch(PROPERTIES, entries(1, first=500), bench.activities.append)
            await asyncio.sleep(1.0)

    on_virtual_time(main)


@pytest.mark.parametrize(
    "trouble", [fault(500, "ServerError"), page(502), BROKEN, fault(504, "Timeout"), CUT_OFF, BUSY]
)
def test_an_outage_beyond_the_patience_ends_the_run(trouble: Reply) -> None:
    """Not long before, not long after; the error says for how long it lasted."""

    async def main() -> float:
        bench = Bench(lambda _: trouble, patience_seconds=3600.0, spoke_before=True, policy=PUBCHEMS)
        with pytest.raises(SourceUnavailableError, match="has been out of reach for 36"):
            await bench.fetch(entries(4))
        return bench.requests[-1].at

    assert 3590.0 < on_virtual_time(main) < 3700.0


@pytest.mark.parametrize(
    "reply", [page(200), page(404), page(301), BROKEN, Reply(body=b'{"hello": "world"}')]
)
def test_what_is_not_the_api_is_noticed_soon(reply: Reply) -> None:
    """After a handful of requests, and without the patience for outages."""

    async def main() -> None:
        bench = Bench(lambda _: reply)
        with pytest.raises(NotTheApiError):
            await bench.fetch(entries(200))
        assert len(bench.requests) <= STRANGE_ANSWERS_AT_MOST
        assert bench.requests[-1].at < 30.0

    on_virtual_time(main)


@pytest.mark.parametrize(
    "word", [fault(404, "NotFound"), fault(400, "BadRequest")], ids=["unknown", "refused"]
)
def test_a_word_on_the_compounds_shows_that_the_source_works(word: Reply) -> None:
    """Two failures with nothing but absences and refusals between them are no outage, however far apart."""

    def behaviour(request: Request) -> Reply:
        return page(503) if request.number in {0, 200} else word

    bench, fetch = fetch_all(120, behaviour, patience_seconds=20.0, spoke_before=True)
    assert bench.requests[200].at - bench.requests[0].at > 20.0
    assert len(fetch.answers) == 120


def test_a_property_that_pubchem_does_not_know_ends_the_run_at_once() -> None:
    """No compound is to blame, so nothing is halved."""

    async def main() -> None:
        bench = Bench(lambda _: fault(400, "BadRequest", "Invalid property: Colour"))
        with pytest.raises(SettingsError, match="Colour") as caught:
            await bench.fetch(entries(200))
        assert "--properties" in (caught.value.hint or "")
        assert len(bench.requests) == 1

    on_virtual_time(main)


def test_a_sick_server_is_told_from_a_poisonous_batch_by_a_known_compound() -> None:
    """With nothing else passing, aspirin is asked for before a batch is suspected; the requests are recorded."""

    def behaviour(request: Request) -> Reply:
        return fault(500, "ServerError") if "2" in request.ids else whole(request)

    bench, fetch = fetch_all(2, behaviour)
    assert kinds(fetch) == {Found: 1, Failed: 1}
    probes = [request for request in bench.requests if request.ids == (REFERENCE_CIDS[0],)]
    assert probes
    assert len(fetch.attempts) == len(bench.requests) == bench.traffic.requests
    assert [attempt.decision for attempt in fetch.attempts if attempt.first_id == REFERENCE_CIDS[0]] == [
        "probe: rows"
    ] * len(probes)
    assert REFERENCE_CIDS[0] not in fetch.answers


def test_a_probe_that_is_refused_holds_the_host_like_any_other_request() -> None:
    """A throttle is a throttle, whatever was asked."""

    def behaviour(request: Request) -> Reply:
        if request.ids == (REFERENCE_CIDS[0],):
            return fault(503, "ServerBusy", Retry_After="300") if request.at < 60 else whole(request)
        return page(503) if request.at < 200 else whole(request)

    bench, fetch = fetch_all(2, behaviour, policy=PUBCHEMS, spoke_before=True)
    (probe,) = [request for request in bench.requests if request.ids == (REFERENCE_CIDS[0],)]
    assert bench.requests[probe.number + 1].at >= probe.at + 300.0
    assert kinds(fetch) == {Found: 2}


def test_the_known_compound_itself_can_be_poisonous() -> None:
    """Another one is asked for in its place."""

    def behaviour(request: Request) -> Reply:
        return fault(500, "ServerError") if REFERENCE_CIDS[0] in request.ids else whole(request)

    async def main() -> Fetch[Endpoint]:
        return await Bench(behaviour).fetch(entries(3, first=int(REFERENCE_CIDS[0]) - 1))

    assert kinds(on_virtual_time(main)) == {Found: 2, Failed: 1}


def test_every_request_is_recorded_with_what_was_decided() -> None:
    """In the order in which they were sent, each with its own ids."""

    def behaviour(request: Request) -> Reply:
        replies = [BROKEN, CUT_OFF, fault(504, "Timeout")]
        return replies[request.number] if request.number < len(replies) else whole(request)

    bench, fetch = fetch_all(4, behaviour, spoke_before=True, exchange_seconds=SERVER_SECONDS)
    assert [
        (attempt.first_id, attempt.last_id, attempt.status, attempt.decision) for attempt in fetch.attempts
    ] == [
        ("1", "4", None, "unreachable, retry: ClientOSError: Connection reset by peer"),
        ("1", "4", 200, "garbled, retry: JSON that cannot be read"),
        ("1", "4", 504, "too_big, halve: PUGREST.Timeout: It is so"),
        ("1", "2", 200, "rows"),
        ("3", "4", 200, "rows"),
    ]
    assert [attempt.sent_at for attempt in fetch.attempts] == sorted(
        attempt.sent_at for attempt in fetch.attempts
    )
    assert [attempt.span for attempt in fetch.attempts[3:]] == [
        Span(start=101, stop=103),
        Span(start=103, stop=105),
    ]
    assert (bench.traffic.requests, bench.traffic.retries) == (5, 4)
    assert sum(bench.traffic.errors.values()) == sum(bench.traffic.recovered.values()) == 3


def test_only_the_first_request_of_a_chunk_lets_others_go_first() -> None:
    """What is begun is finished before more is begun."""

    def behaviour(request: Request) -> Reply:
        return fault(504, "Timeout") if len(request.ids) > 2 else whole(request)

    bench, _ = fetch_all(4, behaviour, exchange_seconds=SERVER_SECONDS)
    assert [request.priority for request in bench.requests] == [
        Priority.BEGIN,
        Priority.CONTINUE,
        Priority.CONTINUE,
    ]


REFUSALS = (fault(400, "BadRequest"), fault(404, "NotFound"))
steps = st.sampled_from([*SERVER_TROUBLES.values(), *REFUSALS, "short", "whole", "whole"])


@settings(max_examples=60)
@given(
    script=st.lists(steps, max_size=40),
    poison=st.sets(st.integers(1, 30).map(str), max_size=3),
    absent=st.sets(st.integers(1, 30).map(str), max_size=3),
    count=st.integers(1, 30),
)
def test_each_compound_is_settled_once_whatever_the_server_does(
    script: list[Reply | str], poison: set[str], absent: set[str], count: int
) -> None:
    """Any sequence of troubles: those that PubChem has and gives arrive, unless it refused them alone, twice."""

    def behaviour(request: Request) -> Reply:
        step = script[request.number] if request.number < len(script) else "whole"
        if isinstance(step, Reply):
            return step
        if poison & set(request.ids):
            return fault(500, "ServerError")
        given_ids = [cid for cid in request.ids if cid not in absent]
        return table(given_ids[1:] if step == "short" else given_ids)

    bench, fetch = fetch_all(count, behaviour, spoke_before=True, policy=PUBCHEMS)
    asked = {str(number) for number in range(1, count + 1)}
    assert fetch.answers.keys() == asked
    lost = {cid for cid, answer in fetch.answers.items() if not isinstance(answer, Found)}
    # By chance a compound stands alone with two refusals, or with two short answers.
    refusals = [step for step in script if step == "short" or (isinstance(step, Reply) and step in REFUSALS)]
    assert (poison & asked) <= lost
    assert len(lost - poison - absent) <= len(refusals) / 2
    assert len(fetch.attempts) == len(bench.requests) == bench.traffic.requests
    assert not bench.traffic.recovered - bench.traffic.errors
