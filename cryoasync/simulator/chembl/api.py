"""ChEMBL's data API as its clients meet it: one request in, one answer or mishap out."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from cryoasync.simulator.chembl.answers import ChemblAnswers
from cryoasync.simulator.chembl.population import ChemblPopulation
from cryoasync.simulator.chembl.questions import Operation, Question, RefusedError, read_question
from cryoasync.simulator.faults import Fault, find_poison
from cryoasync.simulator.questions import Endpoint
from cryoasync.simulator.replies import HANGS_SECONDS, HTML, Reply, reset_connection
from cryoasync.simulator.scenarios import Scenario
from cryoasync.simulator.session import Session
from cryoasync.simulator.statistics import Statistics

_CACHE_CONTROL = "max-age=30000000, s-maxage=30000000"


def _error(status: int, message: str) -> Reply:
    return Reply(body=msgspec.json.encode({"error_message": message}), status=status)


def _page(status: int, title: str) -> Reply:
    body = f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Reply(body=body.encode(), status=status, content_type=HTML)


_REPLY_TO = {
    Fault.SERVER_BUSY: _page(503, "503 Service Temporarily Unavailable"),
    Fault.TIMEOUT: _page(504, "504 Gateway Timeout"),
    Fault.SERVER_ERROR: _page(500, "Server error < EMBL-EBI"),
    Fault.HTML_BAD_GATEWAY: _page(502, "502 Proxy Error"),
    Fault.HTML_UNAVAILABLE: _page(503, "503 Service Unavailable"),
    Fault.HTML_PAGE: _page(200, "ChEMBL"),
    Fault.POISON_BAD_REQUEST: _error(400, "Unable to process the given record"),
    Fault.POISON_SERVER_ERROR: _error(500, "Unable to process the given record"),
}


class ChemblApi:
    """Answers requests for one population, as its scenario has it.

    A GET that met an error is answered with it from then on: the cache in front of ChEMBL was seen to keep
    failures, which any further parameter gets around.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        load: Callable[[], ChemblPopulation],
        clock: Callable[[], float],
    ) -> None:
        """Answer by the seed's stream of faults and delays; ``load`` is called for the first request."""
        self._scenario = scenario
        self._seed = seed
        self._load = load
        self._clock = clock
        self._loading = asyncio.Lock()
        self._population: ChemblPopulation | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all traffic and failures, serve the first release, and begin the streams anew."""
        self._session = Session(self._scenario, self._seed, self._clock(), None)
        self._kept_failures: dict[str, Reply] = {}
        self._free_workers = asyncio.Semaphore(self._scenario.chembl.workers)

    def statistics(self) -> Statistics:
        """Return what was seen since the start or the last reset."""
        return self._session.statistics()

    @property
    def after_change(self) -> bool | None:
        """Whether the release that comes in mid-run is out; ``None`` where none comes."""
        after = self._scenario.chembl.changes_after_requests
        return None if after is None else self._session.monitor.requests > after

    async def population(self) -> ChemblPopulation:
        """Return the molecules; the first call loads them."""
        async with self._loading:
            if self._population is None:
                self._population = await asyncio.to_thread(self._load)
        return self._population

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, however its scenario has it."""
        session, now = self._session, self._clock()
        population = await self.population()
        session.monitor.arrive(now - session.started, 0.0)
        try:
            question = await read_question(request, request.match_info["question"])
        except RefusedError as error:
            return self._send(session, _refusal(error))
        session.monitor.endpoints[question.operation.value] += 1
        kept = self._kept_failures.get(request.path_qs) if request.method == "GET" else None
        if kept is not None:
            return self._send(session, kept)
        async with self._free_workers:
            return await self._work_on(request, session, population, question)

    async def _work_on(
        self, request: web.Request, session: Session, population: ChemblPopulation, question: Question
    ) -> web.StreamResponse:
        fault = session.faults.next_fault(self._clock())
        try:
            ids, reply = self._answer(session, population, question, fault)
        except RefusedError as error:
            return self._send(session, _refusal(error))
        session.monitor.ids += len(ids)
        if fault is None and self._scenario.poison is not None and not question.only:
            numbers = (int(chembl_id.removeprefix("CHEMBL")) for chembl_id in ids)
            fault = find_poison(self._scenario.poison, self._seed, Endpoint.SYNONYMS, numbers)
        if fault is not None:
            session.monitor.faults[fault.value] += 1
        await self._take_time(session, question, len(ids))
        if fault is Fault.HANG:
            await asyncio.sleep(session.faults.dark_seconds(self._clock()) or HANGS_SECONDS)
        if fault in {Fault.HANG, Fault.CONNECTION_RESET}:
            session.monitor.statuses["reset"] += 1
            return reset_connection(request)
        reply = _REPLY_TO.get(fault, reply) if fault is not None else reply
        if reply.status >= 500 and request.method == "GET":
            self._kept_failures[request.path_qs] = reply
        return self._send(session, reply.cut_off() if fault is Fault.TRUNCATED else reply)

    async def _take_time(self, session: Session, question: Question, ids: int) -> None:
        latency = self._scenario.latency
        if latency is not None:
            seconds = latency.draw_seconds(session.latencies, ids)
            is_status = question.operation is Operation.STATUS
            await asyncio.sleep(self._scenario.chembl.status_seconds if is_status else seconds)

    def _answer(
        self, session: Session, population: ChemblPopulation, question: Question, fault: Fault | None
    ) -> tuple[Sequence[str], Reply]:
        """Return the ids that the answer tells of, and the answer."""
        answers = ChemblAnswers(population, after_change=self.after_change)
        ids: Sequence[str]
        match question.operation:
            case Operation.STATUS:
                ids, body = (), answers.status(self._scenario.chembl.release)
            case Operation.SCHEMA:
                ids, body = (), answers.schema()
            case Operation.DETAIL:
                ids, body = answers.detail(question)
            case Operation.SET:
                ids, body = answers.some(question)
            case Operation.LIST:
                draw_missing = session.faults.choose_missing if fault is Fault.MISSING_ROWS else None
                ids, body = answers.page(question, draw_missing)
        return ids, Reply(body=body)

    def _send(self, session: Session, reply: Reply) -> web.Response:
        session.monitor.statuses[str(reply.status)] += 1
        headers = {"Content-Type": reply.content_type, "Vary": "Accept, Origin"}
        if reply.content_type != HTML:
            headers["Cache-Control"] = _CACHE_CONTROL
        return web.Response(body=reply.body, status=reply.status, reason=reply.reason, headers=headers)


def _refusal(error: RefusedError) -> Reply:
    return (
        Reply(body=b"", status=error.status) if error.message is None else _error(error.status, error.message)
    )
