"""PUG REST as its clients meet it: one request in, one answer or mishap out."""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache

from aiohttp import web

from cryoasync.simulator.answers import Answers, Row, fault_body, html_body
from cryoasync.simulator.faults import Fault, find_poison
from cryoasync.simulator.policy import REFUSED_TEXT, Policy, Verdict, throttling_text
from cryoasync.simulator.population import Population
from cryoasync.simulator.questions import BadQuestionError, Endpoint, Question, parse_cids, parse_path
from cryoasync.simulator.replies import HANGS_SECONDS, HTML, Reply, reset_connection
from cryoasync.simulator.scenarios import Scenario
from cryoasync.simulator.session import Session
from cryoasync.simulator.statistics import Statistics

_IDLE_STATUS = throttling_text(0, 0, 0)
_KEPT_PATHS = 256
_COMPRESSED_FROM_BYTES = 1024
_COMPRESSED_IN_THREAD_FROM_BYTES = 8192


def _refusal(status: int, code: str, message: str, *details: str) -> Reply:
    return Reply(body=fault_body(code, message, *details), status=status, reason=code)


def _page(status: int, title: str) -> Reply:
    return Reply(body=html_body(title), status=status, content_type=HTML)


_BUSY = _refusal(503, "PUGREST.ServerBusy", "Too many requests or server too busy")
_NO_SYNONYMS = _refusal(
    404, "PUGREST.NotFound", "No synonyms found", "No synonyms found for the given CID(s)"
)
_TOO_LARGE = _refusal(413, "PUGREST.BadRequest", "Request entity too large")
_REPLY_TO = {
    Fault.SERVER_BUSY: _BUSY,
    Fault.TIMEOUT: _refusal(504, "PUGREST.Timeout", "Request timed out"),
    Fault.SERVER_ERROR: _refusal(500, "PUGREST.ServerError", "Internal server error"),
    Fault.HTML_BAD_GATEWAY: _page(502, "502 Bad Gateway"),
    Fault.HTML_UNAVAILABLE: _page(503, "503 Service Unavailable"),
    Fault.HTML_PAGE: _page(200, "PubChem"),
    Fault.POISON_BAD_REQUEST: _refusal(400, "PUGREST.BadRequest", "Unable to process the given record"),
    Fault.POISON_SERVER_ERROR: _refusal(500, "PUGREST.ServerError", "Unable to process the given record"),
}


class PugRest:
    """Answers requests for one population, as its scenario has it."""

    def __init__(
        self, scenario: Scenario, seed: int, population: Population, clock: Callable[[], float]
    ) -> None:
        """Answer by the seed's stream of faults and delays; ``clock`` gives seconds, monotonic."""
        self._scenario = scenario
        self._seed = seed
        self._clock = clock
        self._answers = Answers(population, pretty=scenario.pretty, old_names=scenario.old_names)
        self._parse_path = lru_cache(_KEPT_PATHS)(parse_path)
        self._session = Session(scenario, seed, clock(), scenario.policy)

    def reset(self) -> None:
        """Forget all traffic, windows and blocks, and begin the streams of faults and delays anew."""
        self._session = Session(self._scenario, self._seed, self._clock(), self._scenario.policy)

    def statistics(self) -> Statistics:
        """Return what was seen since the start or the last reset."""
        return self._session.statistics()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, however its scenario has it."""
        session, now = self._session, self._clock()
        policy, monitor = session.policy, session.monitor
        monitor.endpoints[_endpoint_label(request.path)] += 1
        if policy is None:
            monitor.arrive(now - session.started, 0.0)
            return await self._admit(request, session, now, _IDLE_STATUS)
        monitor.arrive(now - session.started, policy.running.used_seconds(now))
        if policy.arrive(now) is not Verdict.ADMITTED:
            monitor.refused += 1
            return self._send(request, session, _BUSY, _refusal_headers(self._scenario.policy))
        number = policy.running.start(now)
        try:
            return await self._admit(request, session, now, policy.status(now))
        finally:
            policy.running.finish(number, self._clock())

    async def _admit(
        self, request: web.Request, session: Session, now: float, status: str
    ) -> web.StreamResponse:
        fault = session.faults.next_fault(now)
        headers = {"X-Throttling-Control": status}
        try:
            question = self._parse_path(request.match_info["question"])
            cids = parse_cids(question.ids if question.ids is not None else await _ids_in_body(request))
        except BadQuestionError as error:
            return self._send(request, session, _refusal(error.status, error.code, error.message), headers)
        except web.HTTPRequestEntityTooLarge:
            return self._send(request, session, _TOO_LARGE, headers)
        session.monitor.ids += len(cids)
        if self._scenario.poison is not None and fault is None:
            fault = find_poison(self._scenario.poison, self._seed, question.endpoint, cids)
        if fault is not None:
            session.monitor.faults[fault.value] += 1
        if self._scenario.latency is not None:
            await asyncio.sleep(self._scenario.latency.draw_seconds(session.latencies, len(cids)))
        if fault is Fault.HANG:
            await asyncio.sleep(session.faults.dark_seconds(self._clock()) or HANGS_SECONDS)
        if fault in {Fault.HANG, Fault.CONNECTION_RESET}:
            session.monitor.statuses["reset"] += 1
            return reset_connection(request)
        reply = _REPLY_TO.get(fault) if fault is not None else None
        if reply is not None and reply.content_type == HTML:
            # Whatever sends such pages knows nothing of the policy.
            headers = {}
        return self._send(request, session, reply or self._answer(session, question, cids, fault), headers)

    def _answer(self, session: Session, question: Question, cids: list[int], fault: Fault | None) -> Reply:
        rows: list[Row]
        if question.endpoint is Endpoint.PROPERTY:
            rows, render = self._answers.property_rows(cids, question.names), self._answers.render_properties
        else:
            rows, render = self._answers.synonym_rows(cids), self._answers.render_synonyms
            if not any(rest for _, rest in rows):
                return _NO_SYNONYMS
        if fault is Fault.MISSING_ROWS:
            missing = session.faults.choose_missing(len(rows))
            rows = [row for index, row in enumerate(rows) if index not in missing]
        reply = Reply(body=render(rows))
        return reply.cut_off() if fault is Fault.TRUNCATED else reply

    def _send(
        self, request: web.Request, session: Session, reply: Reply, headers: Mapping[str, str]
    ) -> web.Response:
        session.monitor.statuses[str(reply.status)] += 1
        response = web.Response(
            body=reply.body,
            status=reply.status,
            reason=reply.reason,
            headers={
                "Content-Type": reply.content_type,
                "Cache-Control": "private",
                "Access-Control-Allow-Origin": "*",
                **headers,
            },
            zlib_executor_size=_COMPRESSED_IN_THREAD_FROM_BYTES,
        )
        if self._scenario.policy is not None and len(reply.body) >= _COMPRESSED_FROM_BYTES:
            accepted = request.headers.get("Accept-Encoding", "")
            if "gzip" in accepted:
                response.enable_compression(web.ContentCoding.gzip)
        return response


async def _ids_in_body(request: web.Request) -> str:
    form = await request.post()
    ids = form.get("cid")
    if not isinstance(ids, str):
        raise BadQuestionError("Missing CID list in request body")
    return ids


def _endpoint_label(path: str) -> str:
    if "/property/" in path:
        return Endpoint.PROPERTY.value
    return Endpoint.SYNONYMS.value if "/synonyms/" in path else "other"


def _refusal_headers(policy: Policy | None) -> dict[str, str]:
    headers = {"X-Throttling-Control": REFUSED_TEXT}
    if policy is not None and policy.retry_after_seconds is not None:
        headers["Retry-After"] = str(policy.retry_after_seconds)
    return headers
