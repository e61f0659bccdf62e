"""How ChEMBL is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.errors import UsageError
from cryoasync.http.messages import NoResponse, Request, Response, Ticket
from cryoasync.http.transport import Transport
from cryoasync.models import Activity
from cryoasync.sources.chembl.api import ChemblApi
from cryoasync.sources.chembl.endpoints import (
    COUNT,
    OBJECTS,
    SCHEMA,
    STATUS,
    Endpoint,
    count,
    listed_ids,
    molecules,
    pages,
    place,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FILTERS = (("max_phase__gte", "1"), ("pref_name__in", "A,B"))


def unheard(_: Activity) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Wire:
    """A transport that keeps what is sent."""

    sent: list[Request] = field(default_factory=list)

    async def send(self, request: Request, _: Ticket) -> NoResponse:
        self.sent.append(request)
        return NoResponse(reason="nobody there", sent_at=0.0, seconds=0.0, answered_at=NOON)


async def request_for(endpoint: Endpoint, *ids: str) -> Request:
    """What goes out for some ids."""
    wire = Wire()
    ticket = Ticket(endpoint=endpoint.name, report=unheard, priority=Priority.BEGIN)
    await api_on(wire).send(endpoint, ids, ticket)
    [request] = wire.sent
    return request


def api_on(wire: Wire) -> ChemblApi:
    return ChemblApi("http://chembl.test/api", cast("Transport", wire), wall_clock=lambda: NOON)


@pytest.mark.parametrize(
    ("endpoint", "ids", "pairs"),
    [
        (
            molecules(None),
            ["CHEMBL25", "CHEMBL1"],
            (("molecule_chembl_id__in", "CHEMBL25,CHEMBL1"), ("limit", "1000")),
        ),
        (
            pages(FILTERS),
            [place(position) for position in range(2000, 3000)],
            (*FILTERS, ("limit", "1000"), ("offset", "2000")),
        ),
        (
            listed_ids(()),
            [place(999), place(1000)],
            (("limit", "1"), ("offset", "999"), ("only", "molecule_chembl_id")),
        ),
        (count(FILTERS), [COUNT], (*FILTERS, ("limit", "1"), ("only", "molecule_chembl_id"))),
    ],
)
async def test_lists_are_posted_as_pairs_in_the_place_of_a_get(
    endpoint: Endpoint, ids: Sequence[str], pairs: tuple[tuple[str, str], ...]
) -> None:
    """No cache on the way has an answer to that."""
    request = await request_for(endpoint, *ids)
    assert (request.method, request.url) == ("POST", "http://chembl.test/api/molecule.json")
    assert request.headers == {"X-HTTP-Method-Override": "GET"}
    assert (request.json, request.parameters) == (pairs, {})


async def test_single_objects_have_another_address_each_time() -> None:
    """Else a cache might answer with a failure that it kept, or for an older release."""
    wire = Wire()
    api, ticket = api_on(wire), Ticket(endpoint="object", report=unheard, priority=Priority.BEGIN)
    for path in (STATUS, STATUS, SCHEMA, "molecule/CHEMBL25"):
        await api.send(OBJECTS, [path], ticket)
    assert [
        (request.method, request.url.removeprefix("http://chembl.test/api/")) for request in wire.sent
    ] == [
        ("GET", "status.json"),
        ("GET", "status.json"),
        ("GET", "molecule/schema.json"),
        ("GET", "molecule/CHEMBL25.json"),
    ]
    assert len({request.parameters["_"] for request in wire.sent}) == 4
    assert wire.sent[3].parameters["only"] == "molecule_chembl_id"


@pytest.mark.parametrize("endpoint", [molecules(None), pages(()), count(()), OBJECTS])
def test_there_is_something_known_to_ask_for(endpoint: Endpoint) -> None:
    """By which a sick server is told from a poisonous batch."""
    assert api_on(Wire()).reference_ids(endpoint)


def test_conditions_that_are_refused_end_the_command_by_their_names() -> None:
    """A page that is refused is told from that, for a molecule on it may be to blame."""
    refused = Response(
        status=400,
        headers={},
        body=b'{"error_message": "no such lookup"}',
        sent_at=0.0,
        seconds=0.1,
        answered_at=NOON,
    )
    api = api_on(Wire())
    with pytest.raises(UsageError, match=r"max_phase__gte=1, pref_name__in=A,B: no such lookup"):
        api.read(count(FILTERS), refused)
    api.read(pages(FILTERS), refused)
