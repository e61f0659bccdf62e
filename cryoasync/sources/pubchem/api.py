"""PUG REST, as the client asks it: a POST for a chunk of CIDs."""

from collections.abc import Sequence

from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.errors import SettingsError
from cryoasync.http.messages import NoResponse, Response, Ticket
from cryoasync.http.transport import Transport
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.pubchem.answers import read_answer
from cryoasync.sources.pubchem.endpoints import Endpoint

REFERENCE_CIDS = ("2244", "962")
"""Aspirin and water."""


class PugRest:
    """The :class:`~cryoasync.sources.asking.api.Api` of PubChem."""

    def __init__(self, base_url: str, transport: Transport) -> None:
        """Ask below ``base_url``."""
        self._base_url = base_url
        self._transport = transport

    def reference_ids(self, endpoint: Endpoint) -> Sequence[str]:
        """Return compounds that have properties and synonyms."""
        del endpoint
        return REFERENCE_CIDS

    async def send(
        self, endpoint: Endpoint, ids: Sequence[str], ticket: Ticket
    ) -> Response | NoResponse | None:
        """Post ``ids``."""
        return await self._transport.post(f"{self._base_url}/{endpoint.path}", {"cid": ",".join(ids)}, ticket)

    def read(self, endpoint: Endpoint, answer: Response | NoResponse) -> Rows | Trouble:
        """Read an answer; see the protocol."""
        del endpoint
        told = read_answer(answer)
        if (
            isinstance(told, Trouble)
            and told.category is ErrorCategory.REJECTED
            and "Invalid property" in told.message
        ):
            raise SettingsError(
                f"PubChem refuses the properties asked for: {told.message}",
                hint="Check the names given with --properties; they are case-sensitive.",
            )
        return told
