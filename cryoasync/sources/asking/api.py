"""What the client must be told of a source: how an endpoint is asked, and what an answer means."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.http.messages import NoResponse, Response, Ticket
from cryoasync.sources.asking.answers import Rows, Trouble


class Endpoint(Protocol):
    """One operation of an API."""

    @property
    def name(self) -> str:
        """What it is called in logs and tables."""
        ...

    @property
    def priority(self) -> Priority:
        """Of the first request for a chunk."""
        ...

    @property
    def cache_key(self) -> str:
        """Names all that shapes the answer but the ids."""
        ...

    @property
    def tells(self) -> Callable[[msgspec.Raw], bool]:
        """Whether a row of its answer says anything that can be read."""
        ...


E = TypeVar("E", bound=Endpoint)
E_contra = TypeVar("E_contra", bound=Endpoint, contravariant=True)


class Api(Protocol[E_contra]):
    """One source's way to be asked.

    An id is whatever names one row of an answer. Where an endpoint is read page by page, a page is a row, and
    where it begins is its id.
    """

    def reference_ids(self, endpoint: E_contra) -> Sequence[str]:
        """Return ids that are there: one is asked for alone to tell a sick server from a poisonous batch."""
        ...

    async def send(
        self, endpoint: E_contra, ids: Sequence[str], ticket: Ticket
    ) -> Response | NoResponse | None:
        """Send one request for ``ids``; ``None`` where the ticket was no longer good, and nothing went out."""
        ...

    def read(self, endpoint: E_contra, answer: Response | NoResponse) -> Rows | Trouble:
        """Tell rows from trouble, and one kind of trouble from another.

        Raises:
            SettingsError: the source knows nothing of what was asked for, whatever the ids.
        """
        ...
