"""The simulator as a server on a socket: both APIs beside the endpoints that tests look through."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from cryoasync.errors import UsageError
from cryoasync.simulator.chembl.answers import CHEMBL_PATH
from cryoasync.simulator.chembl.api import ChemblApi
from cryoasync.simulator.chembl.population import ChemblPopulation, load_chembl_molecules
from cryoasync.simulator.operations import STATISTICS_PATH, Operations
from cryoasync.simulator.population import Molecule, Population, load_molecules
from cryoasync.simulator.pug_rest import PugRest
from cryoasync.simulator.scenarios import Scenario, find_scenario
from cryoasync.simulator.settings import CidRange, SimulatorSettings
from cryoasync.simulator.statistics import Statistics

SIMULATOR_HEADER = "X-Cryoasync-Simulator"

_PUG_REST_PATH = "/rest/pug"
_LARGEST_BODY_BYTES = 256 * 1024


class Simulator:
    """A stand-in for PubChem's PUG REST and ChEMBL's data API that serves for as long as its context lasts.

    The first one on a machine computes its molecules, which takes some ten seconds.
    """

    def __init__(
        self, settings: SimulatorSettings | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the settings and a clock in monotonic seconds; nothing is opened yet."""
        self._settings = settings or SimulatorSettings()
        self._clock = clock
        self._serving: _Serving | None = None

    async def __aenter__(self) -> Self:
        """Load the molecules and listen.

        Raises:
            UsageError: The scenario or one of its parameters does not exist, or nothing can listen there.
        """
        settings = self._settings
        scenario = find_scenario(settings.scenario, settings.overrides)
        molecules = await asyncio.to_thread(load_molecules, settings.cache_dir)
        population = _populate(molecules, scenario, settings)
        pug_rest = PugRest(scenario, settings.seed, population, self._clock)
        chembl = ChemblApi(
            scenario, settings.seed, lambda: _populate_chembl(molecules, scenario, settings), self._clock
        )
        operations = Operations(scenario, settings.seed, population, pug_rest, chembl)
        runner = web.AppRunner(
            _make_application(scenario, pug_rest, chembl, operations),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0,
        )
        await runner.setup()
        try:
            origin = await _listen(runner, settings)
        except BaseException:
            await runner.cleanup()
            raise
        self._serving = _Serving(origin=origin, runner=runner, pug_rest=pug_rest, chembl=chembl)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, and drop what is in flight."""
        serving = self._now_serving
        self._serving = None
        await serving.runner.cleanup()

    @property
    def base_url(self) -> str:
        """The URL that stands for ``https://pubchem.ncbi.nlm.nih.gov/rest/pug``."""
        return self._now_serving.origin + _PUG_REST_PATH

    @property
    def chembl_base_url(self) -> str:
        """The URL that stands for ``https://www.ebi.ac.uk/chembl/api/data``."""
        return self._now_serving.origin + CHEMBL_PATH

    @property
    def statistics_url(self) -> str:
        """Where other processes get the statistics."""
        return self._now_serving.origin + STATISTICS_PATH

    def statistics(self) -> Statistics:
        """Return what was seen of PubChem's clients so far."""
        return self._now_serving.pug_rest.statistics()

    def chembl_statistics(self) -> Statistics:
        """Return what was seen of ChEMBL's clients so far."""
        return self._now_serving.chembl.statistics()

    def reset(self) -> None:
        """Forget all traffic, and begin the streams of faults anew."""
        self._now_serving.pug_rest.reset()
        self._now_serving.chembl.reset()

    @property
    def _now_serving(self) -> "_Serving":
        if self._serving is None:
            raise RuntimeError("The simulator serves only inside its context.")
        return self._serving


@dataclass(frozen=True, slots=True, kw_only=True)
class _Serving:
    origin: str
    runner: web.AppRunner
    pug_rest: PugRest
    chembl: ChemblApi


def _populate(molecules: list[Molecule], scenario: Scenario, settings: SimulatorSettings) -> Population:
    unstorable = scenario.unstorable
    if unstorable is not None:
        molecules = [unstorable.spoil(settings.seed, molecule) for molecule in molecules]
    return Population(molecules, _made_up(scenario, settings))


def _populate_chembl(
    compounds: list[Molecule], scenario: Scenario, settings: SimulatorSettings
) -> ChemblPopulation:
    molecules = load_chembl_molecules(compounds, settings.cache_dir)
    unstorable = scenario.unstorable
    if unstorable is not None:
        molecules = [unstorable.spoil_chembl(settings.seed, molecule) for molecule in molecules]
    return ChemblPopulation(molecules, _made_up(scenario, settings), old_shape=scenario.old_names)


def _made_up(scenario: Scenario, settings: SimulatorSettings) -> CidRange | None:
    if settings.made_up is None and scenario.made_up is not None:
        first, last = scenario.made_up
        return CidRange(first=first, last=last)
    return settings.made_up


def _make_application(
    scenario: Scenario, pug_rest: PugRest, chembl: ChemblApi, operations: Operations
) -> web.Application:
    async def sign(_: web.Request, response: web.StreamResponse) -> None:
        response.headers[SIMULATOR_HEADER] = scenario.name

    application = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    application.on_response_prepare.append(sign)
    application.router.add_route("*", f"{_PUG_REST_PATH}/{{question:.*}}", pug_rest.handle)
    application.router.add_route("*", f"{CHEMBL_PATH}/{{question:.*}}", chembl.handle)
    # A base URL that is only host and port will do.
    application.router.add_route("*", "/{question:compound/.*}", pug_rest.handle)
    application.router.add_route("*", "/{question:(?:molecule|status)(?:[/.].*)?}", chembl.handle)
    application.add_routes(operations.routes())
    return application


async def _listen(runner: web.AppRunner, settings: SimulatorSettings) -> str:
    site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        raise UsageError(
            f"Nothing can listen on {settings.host}:{settings.port}: {error.strerror}.",
            hint="Choose another port, or 0 for a free one.",
        ) from error
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
