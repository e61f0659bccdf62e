"""Questions about ChEMBL and its lists rather than about the entries of a run."""

from collections.abc import Sequence
from dataclasses import replace

from cryoasync.models import Activity, Attempt, Entry, Span
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.asking.fetch import Fetch
from cryoasync.sources.chembl.endpoints import Endpoint

_NO_ENTRY = Span(start=0, stop=0)


def unheard(_: Activity) -> None:
    """Tell nobody: no worker waits for the answer."""


class Aside:
    """A client that keeps its requests until somebody takes them along into the database."""

    def __init__(self, client: SourceClient[Endpoint]) -> None:
        """Ask through a client of its own: so slow an answer as the status says nothing of what others bear."""
        self._client = client
        self._attempts: list[Attempt] = []

    async def fetch(
        self, endpoint: Endpoint, names: Sequence[str], report: ActivityReport = unheard
    ) -> Fetch[Endpoint]:
        """Return an answer for each of ``names``; errors are those of :meth:`SourceClient.fetch`."""
        entries = [Entry(position=0, source_id=name) for name in names]
        fetch = await self._client.fetch(endpoint, entries, report)
        self._attempts += [replace(attempt, span=_NO_ENTRY) for attempt in fetch.attempts]
        return fetch

    def take_attempts(self) -> list[Attempt]:
        """Return the requests made since the last call; they are about no entry."""
        attempts, self._attempts = self._attempts, []
        return attempts
