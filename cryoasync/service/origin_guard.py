"""Keeps simulated compounds out of real databases, and the reverse, before the first batch is written."""

from urllib.parse import urlsplit

from cryoasync.database.connection import Database
from cryoasync.database.origin import Origin, assert_origin
from cryoasync.http.origin_probe import is_simulator
from cryoasync.http.reach import Reach
from cryoasync.models import Batch, CommitReport
from cryoasync.ports import BatchStore

OFFICIAL_DOMAINS = ("nih.gov", "ebi.ac.uk")


def expected_origin(base_url: str, *, simulate: bool) -> Origin | None:
    """Return what a run will bring, where that is known before its first request."""
    if simulate:
        return Origin.SIMULATED
    host = urlsplit(base_url).hostname or ""
    official = any(host == domain or host.endswith(f".{domain}") for domain in OFFICIAL_DOMAINS)
    return Origin.REAL if official else None


async def assert_expected_origin(database: Database, base_url: str, *, simulate: bool) -> None:
    """Refuse a database of the other origin, as far as the origin is known before the first request.

    Raises:
        OriginMismatchError: the database holds compounds of the other origin.
    """
    expected = expected_origin(base_url, simulate=simulate)
    if expected is not None:
        async with database.session() as connection:
            await assert_origin(connection, expected)


class OriginGuard:
    """A batch store that asks, before its first commit, whether the answers came from a simulator."""

    def __init__(
        self, store: BatchStore, database: Database, reach: Reach, base_url: str, expected: Origin | None
    ) -> None:
        """Commit to ``store``; ``expected`` needs no asking."""
        self._store = store
        self._database = database
        self._reach = reach
        self._base_url = base_url
        self._known = expected is not None

    async def commit(self, batch: Batch) -> CommitReport:
        """Commit to the store.

        Raises:
            OriginMismatchError: the database holds compounds of the other origin; nothing was written.
        """
        if not self._known:
            simulated = self._reach.is_simulator
            if simulated is None:
                # Everything came from the cache so far, and the cache does not tell.
                simulated = await is_simulator(self._base_url)
            async with self._database.transaction() as connection:
                await assert_origin(connection, Origin.SIMULATED if simulated else Origin.REAL)
            self._known = True
        return await self._store.commit(batch)
