"""A PubChem in memory, on virtual time, and a client that asks it."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from multidict import CIMultiDict

from cryoasync.control.chunks.answer_times import AnswerTimes
from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.concurrency.concurrency_gate import ConcurrencyGate
from cryoasync.control.concurrency.concurrency_limiter import ConcurrencyLimiter
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.control.traffic import Traffic
from cryoasync.control.troubles.error_handler import PredictiveErrorHandler
from cryoasync.http.messages import NoResponse, Response, Ticket
from cryoasync.http.reach import Reach
from cryoasync.http.transport import Transport
from cryoasync.models import Activity, Entry
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.asking.fetch import Fetch
from cryoasync.sources.asking.guards import Guards
from cryoasync.sources.pubchem.api import PugRest
from cryoasync.sources.pubchem.endpoints import Endpoint, property_endpoint
from cryoasync.testing import VirtualTimeLoop
from tests.unit.control.chunks.sizing import chunk_sizer

BASE_URL = "http://pubchem.test/rest/pug"
HOST = "http://pubchem.test:80"
PROPERTIES = property_endpoint(())
EPOCH = datetime(2026, 11, 24, tzinfo=UTC)
EXCHANGE_SECONDS = 0.2
SILENCE_SECONDS = 35.0
BLOCKED_HEADER = (
    "Request Count status: Green (0%), Request Time status: Green (0%), Service status: Green (0%), \
too many requests per second or blacklisted"
)
PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the server saw it."""

    number: int
    at: float
    url: str
    ids: tuple[str, ...]
    priority: Priority

    @property
    def is_for_synonyms(self) -> bool:
        """Whether the synonyms were asked for, and not the property table."""
        return "/synonyms/" in self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server says, or does: a status of 0 is a connection that broke, of -1 silence."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Behaviour = Callable[[Request], Reply]


def table(ids: Sequence[str], **properties: object) -> Reply:
    """Answer with a row for each id."""
    rows = [{"CID": int(cid), **({"Title": f"Compound {cid}"} | properties)} for cid in ids]
    return written({"PropertyTable": {"Properties": rows}})


def synonyms(ids: Sequence[str]) -> Reply:
    """Answer with two names for each id."""
    rows = [{"CID": int(cid), "Synonym": [f"name {cid}", f"{cid}-00-0"]} for cid in ids]
    return written({"InformationList": {"Information": rows}})


def whole(request: Request) -> Reply:
    """Answer whatever was asked for."""
    return synonyms(request.ids) if request.is_for_synonyms else table(request.ids)


def written(content: object, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status=status, body=json.dumps(content, indent=2).encode())


def fault(status: int, code: str, message: str = "It is so", **headers: str) -> Reply:
    """Answer with a fault; ``Retry_After`` is the header ``Retry-After``."""
    body = json.dumps({"Fault": {"Code": f"PUGREST.{code}", "Message": message}}).encode()
    return Reply(
        status=status,
        body=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def page(status: int, **headers: str) -> Reply:
    """Answer with a page for people."""
    return Reply(
        status=status,
        body=PAGE,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


BUSY = fault(503, "ServerBusy", "Too many requests or server too busy")
BROKEN = Reply(status=0)
SILENT = Reply(status=-1)
CUT_OFF = Reply(body=b'{\n  "PropertyTable": {\n    "Properties": [\n      {\n        "CI')


def entries(count: int, *, first: int = 1) -> list[Entry]:
    """Return entries whose positions are a hundred below their ids."""
    return [Entry(position=number + 100, source_id=str(number)) for number in range(first, first + count)]


class FakeTransport(Transport):
    """Takes permits as the real one, and hands each request to ``behaviour``."""

    def __init__(self, limiter: SharedRateLimiter, behaviour: Behaviour, seconds: float) -> None:
        """Answer each request after some seconds."""
        self.requests: list[Request] = []
        self.behaviour = behaviour
        self._permits = limiter
        self._seconds = seconds

    async def post(self, url: str, form: Mapping[str, str], ticket: Ticket) -> Response | NoResponse | None:
        """Answer as ``behaviour`` says."""
        clock = asyncio.get_running_loop().time
        ticket.report(Activity.WAITING_FOR_PERMIT)
        permit = await self._permits.wait(ticket.endpoint, ticket.priority)
        if not ticket.may_send():
            self._permits.release(permit)
            return None
        ticket.report(Activity.FETCHING)
        sent_at = clock()
        request = Request(
            number=len(self.requests),
            at=sent_at,
            url=url,
            ids=tuple(form["cid"].split(",")),
            priority=ticket.priority,
        )
        self.requests.append(request)
        reply = self.behaviour(request)
        seconds = self._seconds if reply.status >= 0 else min(ticket.timeout_seconds, SILENCE_SECONDS)
        await asyncio.sleep(seconds)
        self._permits.settle(permit, seconds)
        answered_at = EPOCH + timedelta(seconds=clock())
        if reply.status <= 0:
            return NoResponse(
                reason="TimeoutError" if reply.status else "ClientOSError: Connection reset by peer",
                sent_at=sent_at,
                seconds=seconds,
                answered_at=answered_at,
                permit=permit,
                is_timeout=reply.status < 0,
            )
        return Response(
            status=reply.status,
            headers=CIMultiDict(reply.headers),
            body=reply.body,
            sent_at=sent_at,
            seconds=self._seconds,
            answered_at=answered_at,
            permit=permit,
        )


class Bench:
    """A client, the server behind it, and everything that they share."""

    def __init__(
        self,
        behaviour: Behaviour = whole,
        *,
        policy: RatePolicy | None = None,
        patience_seconds: float = 86_400.0,
        spoke_before: bool = False,
        exchange_seconds: float = EXCHANGE_SECONDS,
        rng: random.Random | None = None,
        limit: ConcurrencyLimiter | None = None,
    ) -> None:
        """Set everything up inside a running loop; without a policy requests go out at once."""
        clock = asyncio.get_running_loop().time
        rng = rng or random.Random(0)
        self.limiter = SharedRateLimiter(HOST, policy or RatePolicy(), [], clock=clock, rng=rng)
        self.transport = FakeTransport(self.limiter, behaviour, exchange_seconds)
        self.reach = Reach(BASE_URL, patience_seconds, spoke_before=spoke_before, clock=clock)
        self.sizer = chunk_sizer()
        self.traffic = Traffic()
        self.breaker = SharedCircuitBreaker(policy=CircuitPolicy(), clock=clock, rng=rng)
        self.errors = PredictiveErrorHandler(local_time=lambda: EPOCH, clock=clock, rng=rng)
        self.activities: list[Activity] = []
        self.guards = Guards(
            limiter=self.limiter,
            gate=None if limit is None else ConcurrencyGate(limit, clock=clock),
            breaker=self.breaker,
            errors=self.errors,
            reach=self.reach,
            sizer=self.sizer,
            times=AnswerTimes(),
            traffic=self.traffic,
        )
        self.client = SourceClient(PugRest(BASE_URL, self.transport), self.guards)

    @property
    def requests(self) -> list[Request]:
        """The requests that the server saw."""
        return self.transport.requests

    async def fetch(self, asked: Sequence[Entry], endpoint: Endpoint = PROPERTIES) -> Fetch[Endpoint]:
        """Ask for a chunk."""
        granting = asyncio.create_task(self.limiter.run())
        try:
            return await self.client.fetch(endpoint, asked, self.activities.append)
        finally:
            granting.cancel()


def on_virtual_time(main: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a coroutine on a loop whose hours take a moment."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


def fetch_all(count: int, behaviour: Behaviour, **settings: Any) -> tuple[Bench, Fetch[Endpoint]]:
    """Ask one server for one chunk, from CID 1 on."""

    async def main() -> tuple[Bench, Fetch[Endpoint]]:
        bench = Bench(behaviour, **settings)
        return bench, await bench.fetch(entries(count))

    return on_virtual_time(main)
