"""What is asked of ChEMBL over one set of connections."""

from dataclasses import replace

from cryoasync.http.transport import Transport
from cryoasync.sources.asking.answer_cache import CachedClient
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.chembl.api import ChemblApi
from cryoasync.sources.chembl.aside import Aside
from cryoasync.sources.chembl.release import ReleaseWatch
from cryoasync.sources.equipment import Equipment


class Conversation:
    """The clients of one run.

    Attributes:
        client: for molecules.
        cached: the same behind the response cache, which knows molecules by id alone.
        aside: for questions about ChEMBL itself, which say nothing of how much of the others is too much.
        release: the release in force.
    """

    def __init__(self, equipment: Equipment, transport: Transport, *, max_age_seconds: float) -> None:
        """Ask over ``transport``, unless the cache has an answer that is at most ``max_age_seconds`` old."""
        api = ChemblApi(equipment.base_url, transport, wall_clock=equipment.wall_clock)
        beside = replace(equipment.guards, gate=None, sizer=None)
        self.client = SourceClient(api, equipment.guards)
        self.cached = CachedClient(
            self.client,
            equipment.cache,
            origin=equipment.cache_origin,
            max_age_seconds=max_age_seconds,
            wall_clock=equipment.wall_clock,
        )
        self.aside = Aside(SourceClient(api, beside))
        self.release = ReleaseWatch(self.aside, clock=equipment.clock)
