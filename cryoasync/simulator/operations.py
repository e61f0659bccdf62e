"""The endpoints beside the two APIs: what the simulator saw, and the truth about what it serves."""

import msgspec
from aiohttp import web

from cryoasync.simulator.chembl.api import ChemblApi
from cryoasync.simulator.population import Population
from cryoasync.simulator.pug_rest import PugRest
from cryoasync.simulator.questions import Endpoint
from cryoasync.simulator.scenarios import Scenario

STATISTICS_PATH = "/simulator/statistics"
_DEFAULT_RECORDS = 1000
_MOST_RECORDS = 10_000


class Operations:
    """Handlers of the operational endpoints; none of them counts as a request of a client."""

    def __init__(
        self, scenario: Scenario, seed: int, population: Population, pug_rest: PugRest, chembl: ChemblApi
    ) -> None:
        """Speak of what the two APIs serve, and of the traffic that they have seen."""
        self._scenario = scenario
        self._seed = seed
        self._population = population
        self._pug_rest = pug_rest
        self._chembl = chembl

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all endpoints."""
        return [
            web.get("/simulator/health", self.health),
            web.get(STATISTICS_PATH, self.statistics),
            web.post("/simulator/reset", self.reset),
            web.get("/simulator/records", self.records),
            web.get("/simulator/chembl/statistics", self.chembl_statistics),
            web.get("/simulator/chembl/records", self.chembl_records),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """Say what is served, as a JSON object."""
        return _json_response(
            {
                "scenario": self._scenario.name,
                "description": self._scenario.description,
                "seed": self._seed,
                "molecules": len(self._population.molecules),
            }
        )

    async def statistics(self, _: web.Request) -> web.Response:
        """Give the ``Statistics`` of PubChem's clients as a JSON object."""
        return _json_response(self._pug_rest.statistics())

    async def chembl_statistics(self, _: web.Request) -> web.Response:
        """Give the ``Statistics`` of ChEMBL's clients as a JSON object."""
        return _json_response(self._chembl.statistics())

    async def reset(self, _: web.Request) -> web.Response:
        """Forget all traffic, and begin the streams of faults anew."""
        self._pug_rest.reset()
        self._chembl.reset()
        return web.Response(status=204)

    async def records(self, request: web.Request) -> web.Response:
        """Give compounds from the CID ``start`` on, ``count`` (at most 10,000) of them, one JSON object a line.

        Each has the whole ``row`` with today's keys, the ``synonyms``, and under ``poison`` the endpoints
        whose requests the compound makes fail.
        """
        window = _window(request)
        if window is None:
            return _no_window()
        start, count = window
        lines = [
            msgspec.json.encode(
                {
                    "row": {"CID": molecule.cid, **molecule.properties},
                    "synonyms": molecule.synonyms,
                    "poison": self._poisoned_endpoints(molecule.cid),
                }
            )
            for molecule in self._population.records(start, count)
        ]
        return _lines(lines)

    async def chembl_records(self, request: web.Request) -> web.Response:
        """Give ChEMBL's molecules from the place ``start`` of the whole list on, ``count`` of them, one a line.

        The list is that of the release served now.
        """
        window = _window(request)
        if window is None:
            return _no_window()
        start, count = window
        population, after_change = await self._chembl.population(), self._chembl.after_change
        lines = []
        for each in population.ids((), after_change=after_change)[start : start + count]:
            identity = each if isinstance(each, str) else f"CHEMBL{each}"
            index = population.index_of(identity, after_change=after_change)
            assert index is not None, "it is listed"
            lines.append(population.encoded(identity, index))
        return _lines(lines)

    def _poisoned_endpoints(self, cid: int) -> list[Endpoint]:
        poison = self._scenario.poison
        if poison is None:
            return []
        return [endpoint for endpoint in Endpoint if poison.fault_of(self._seed, endpoint, cid) is not None]


def _window(request: web.Request) -> tuple[int, int] | None:
    """Return where to start and how many to give, or ``None`` where that is not told in numbers."""
    start, count = request.query.get("start", "0"), request.query.get("count", str(_DEFAULT_RECORDS))
    if not (start.isdecimal() and count.isdecimal()):
        return None
    return int(start), min(int(count), _MOST_RECORDS)


def _no_window() -> web.Response:
    return web.Response(status=400, text="start and count are numbers\n")


def _lines(lines: list[bytes]) -> web.Response:
    body = b"".join(line + b"\n" for line in lines)
    return web.Response(body=body, content_type="application/x-ndjson")


def _json_response(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value) + b"\n", content_type="application/json")
