"""ChEMBL's data API, as the client asks it.

Lists are asked for by POST, also page by page: no cache stands in between, which would answer with what an older
release said, or with a failure that it kept.
"""

from collections.abc import Sequence
from itertools import count

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.errors import UsageError
from cryoasync.http.messages import NoResponse, Request, Response, Ticket
from cryoasync.http.transport import Transport
from cryoasync.ports import WallClock
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.chembl.answers import read_answer
from cryoasync.sources.chembl.endpoints import COUNT, PAGE, Endpoint, Kind, Parameters, first_run, place
from cryoasync.sources.chembl.records import ID

OVERRIDE = {"X-HTTP-Method-Override": "GET"}
REFERENCE_IDS = ("CHEMBL25", "CHEMBL192")
"""Aspirin and sildenafil."""

_REFERENCES = {
    Kind.BY_ID: REFERENCE_IDS,
    Kind.BY_PLACE: (place(0), place(1)),
    Kind.COUNT: (COUNT,),
    # The status is slow, and may fail where molecules do not.
    Kind.OBJECT: tuple(f"molecule/{chembl_id}" for chembl_id in REFERENCE_IDS),
}


class ChemblApi:
    """The :class:`~cryoasync.sources.asking.api.Api` of ChEMBL."""

    def __init__(self, base_url: str, transport: Transport, *, wall_clock: WallClock) -> None:
        """Ask below ``base_url``."""
        self._base_url = base_url
        self._transport = transport
        self._variants = count(int(wall_clock().timestamp() * 1000))

    def reference_ids(self, endpoint: Endpoint) -> Sequence[str]:
        """Return molecules, or the first places of a list."""
        return _REFERENCES[endpoint.kind]

    async def send(
        self, endpoint: Endpoint, ids: Sequence[str], ticket: Ticket
    ) -> Response | NoResponse | None:
        """Ask for ``ids``: of places for the first ones that one page has, of paths for the only one."""
        request = self._object(ids) if endpoint.kind is Kind.OBJECT else self._list(endpoint, ids)
        return await self._transport.send(request, ticket)

    def read(self, endpoint: Endpoint, answer: Response | NoResponse) -> Rows | Trouble:
        """Read an answer; see the protocol.

        Raises:
            UsageError: ChEMBL refuses the filters of a list.
        """
        told = read_answer(endpoint, answer)
        if (
            isinstance(told, Trouble)
            and endpoint.kind is Kind.COUNT
            and told.category is ErrorCategory.REJECTED
        ):
            filters = ", ".join(f"{name}={value}" for name, value in endpoint.filters)
            raise UsageError(
                f"ChEMBL refuses the filter {filters}: {told.message}",
                hint="Its documentation lists the fields and lookups of molecules.",
            )
        return told

    def _object(self, ids: Sequence[str]) -> Request:
        [path] = ids
        # A parameter that nobody reads, for a cache keeps these answers for a year, and failures with them.
        parameters = {"_": f"{next(self._variants):x}"}
        if path in _REFERENCES[Kind.OBJECT]:
            parameters["only"] = ID
        return Request(method="GET", url=f"{self._base_url}/{path}.json", parameters=parameters)

    def _list(self, endpoint: Endpoint, ids: Sequence[str]) -> Request:
        pairs: Parameters
        match endpoint.kind:
            case Kind.BY_ID:
                pairs = ((f"{ID}__in", ",".join(ids)), ("limit", str(PAGE)))
            case Kind.COUNT:
                pairs = (*endpoint.filters, ("limit", "1"))
            case _:
                offset, limit = first_run(ids)
                pairs = (*endpoint.filters, ("limit", str(limit)), ("offset", str(offset)))
        if endpoint.only is not None:
            pairs = (*pairs, ("only", endpoint.only))
        return Request(method="POST", url=f"{self._base_url}/molecule.json", headers=OVERRIDE, json=pairs)
