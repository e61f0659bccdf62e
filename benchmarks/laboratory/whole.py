"""The package's own client, whole, on virtual time: workers, circuits, limiter, retries and isolation of culprits.

What the server says is read by PubChem's own reader, headers included; rows are handed over as they are, since
writing and reading millions of them would take all the time.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

import msgspec
from multidict import CIMultiDict
from structlog.testing import capture_logs

from benchmarks.laboratory.clients import PUBCHEM, pubchem_rate
from benchmarks.laboratory.play import LATENCY_SECONDS, Result
from benchmarks.laboratory.server import Answer, Kind, Server, ServerModel
from cryoasync.control.chunks.answer_times import AnswerTimes
from cryoasync.control.circuit.circuit_breaker import SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.rate_in_force import AdaptiveRate
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.traffic import Traffic
from cryoasync.control.troubles.error_handler import PredictiveErrorHandler
from cryoasync.http.messages import NoResponse, Response, Ticket
from cryoasync.http.reach import Reach
from cryoasync.models import Activity, Entry
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.asking.client import SourceClient
from cryoasync.sources.asking.fetch import Failed
from cryoasync.sources.asking.guards import Guards
from cryoasync.sources.pubchem.answers import read_answer
from cryoasync.sources.pubchem.endpoints import Endpoint, property_endpoint
from cryoasync.testing import VirtualTimeLoop

WORKERS = 8
EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
ROW = msgspec.Raw(b"{}")
REFERENCE_ID = "900000000"
"""Never poisonous."""

BLOCKED = "Request Count status: Green (0%), Service status: Green (0%), too many requests per second or blacklisted"
_REPLIES: Mapping[Kind, tuple[int, bytes, Mapping[str, str]]] = {
    Kind.ROWS: (200, b"", {}),
    Kind.THROTTLED: (503, b'{"Fault": {"Code": "PUGREST.ServerBusy", "Message": "busy"}}', {}),
    Kind.BLOCKED: (503, b"<html>Sorry</html>", {"X-Throttling-Control": BLOCKED}),
    Kind.OVERLOADED: (503, b"<html>503 Service Unavailable</html>", {}),
}
_POISON = b'{"Fault": {"Code": "PUGREST.BadRequest", "Message": "poison"}}'

Headers = Callable[[float, random.Random], Mapping[str, str]]


class Fault(Enum):
    """What a server in trouble says in the place of rows."""

    PAGE = (503, b"<html>503 Service Unavailable</html>")
    ERROR = (500, b'{"Fault": {"Code": "PUGREST.ServerError", "Message": "trouble"}}')
    TIMEOUT = (504, b"<html>504 Gateway Time-out</html>")
    CUT_OFF = (200, b'{"PropertyTable": {"Prop')
    RESET = (0, b"")


def no_headers(_: float, __: random.Random) -> Mapping[str, str]:
    """Say nothing beside the answer."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a whole client is played against.

    Attributes:
        headers: come with every answer.
        fault: what is said in the place of rows, by time and by chance.
        is_poison: tells which ids make a request fail.
        weight: how many ids each stands for, where they are all alike.
    """

    model: ServerModel
    seconds: float
    headers: Headers = no_headers
    fault: Callable[[float, random.Random], Fault | None] = lambda _, __: None
    is_poison: Callable[[int], bool] = lambda _: False
    weight: int = 1


@dataclass(slots=True)
class Log:
    """What happened: when requests went out, what they brought, and who was given up."""

    sent_at: list[float] = field(default_factory=list)
    rows_at: list[tuple[float, int]] = field(default_factory=list)
    refused_connections_at: list[float] = field(default_factory=list)
    given_up: set[int] = field(default_factory=set)
    settled: list[int] = field(default_factory=list)
    isolations: int = 0


class _Api:
    """The wire to the model of the server."""

    def __init__(self, world: World, limiter: SharedRateLimiter, rng: random.Random, log: Log) -> None:
        self.server = Server(world.model, rng)
        self._world = world
        self._limiter = limiter
        self._rng = rng
        self._log = log

    def reference_ids(self, _: Endpoint) -> Sequence[str]:
        return (REFERENCE_ID,)

    async def send(self, _: Endpoint, ids: Sequence[str], ticket: Ticket) -> Response | NoResponse | None:
        clock = asyncio.get_running_loop().time
        if self._world.model.outage(clock()) is Kind.REFUSED:
            self._log.refused_connections_at.append(clock())
            await asyncio.sleep(self._rng.uniform(*LATENCY_SECONDS))
            return NoResponse(reason="refused", sent_at=None, seconds=0.0, answered_at=_wall(clock()))
        ticket.report(Activity.WAITING_FOR_PERMIT)
        permit = await self._limiter.wait(ticket.endpoint, ticket.priority)
        if not ticket.may_send():
            self._limiter.release(permit)
            return None
        sent_at = clock()
        self._log.sent_at.append(sent_at)
        await asyncio.sleep(self._rng.uniform(*LATENCY_SECONDS))
        answer = self.server.arrive(clock(), len(ids) * self._world.weight)
        timeout = min(ticket.timeout_seconds, self._world.model.timeout_seconds)
        await asyncio.sleep(min(timeout, answer.seconds) + self._rng.uniform(*LATENCY_SECONDS))
        self._limiter.settle(permit, clock() - sent_at - sum(LATENCY_SECONDS))
        return self._reply(answer, ids, permit, sent_at, clock())

    def _reply(
        self, answer: Answer, ids: Sequence[str], permit: Permit, sent_at: float, now: float
    ) -> Response | NoResponse:
        fault = self._world.fault(now, self._rng) if answer.kind is Kind.ROWS else None
        if answer.kind in {Kind.HUNG, Kind.REFUSED} or fault is Fault.RESET:
            # Refused is what was sent right before the outage: its connection broke.
            return NoResponse(
                reason=answer.kind.name,
                sent_at=sent_at,
                seconds=now - sent_at,
                answered_at=_wall(now),
                permit=permit,
                is_timeout=answer.kind is Kind.HUNG,
            )
        status, body, headers = _REPLIES[answer.kind]
        if fault is not None:
            status, body = fault.value
        elif answer.kind is Kind.ROWS:
            if any(self._world.is_poison(int(each)) for each in ids):
                status, body = 400, _POISON
            else:
                body = ",".join(ids).encode()
                self._log.rows_at.append((now, len(ids) * self._world.weight))
        told = CIMultiDict({**self._world.headers(now, self._rng), **headers})
        if answer.retry_after_seconds is not None:
            told["Retry-After"] = f"{answer.retry_after_seconds:g}"
        return Response(
            status=status,
            headers=told,
            body=body,
            sent_at=sent_at,
            seconds=now - sent_at,
            answered_at=_wall(now),
            permit=permit,
        )

    def read(self, _: Endpoint, answer: Response | NoResponse) -> Rows | Trouble:
        if isinstance(answer, Response) and answer.status == 200 and answer.body[:1] != b"{":
            return Rows(by_id=dict.fromkeys(answer.body.decode().split(","), ROW))
        return read_answer(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A play of the whole client, to be scored as any other, and what else it tells."""

    result: Result
    log: Log
    guards: Guards


class _Play:
    def __init__(self, world: World, seed: int, chunk: int) -> None:
        clock = asyncio.get_running_loop().time
        rng = random.Random(f"{seed} client")

        def local_time() -> datetime:
            return _wall(clock())

        self.limiter = SharedRateLimiter(
            "laboratory",
            PUBCHEM,
            [],
            rate=AdaptiveRate(limiter=pubchem_rate(), local_time=local_time),
            clock=clock,
            rng=rng,
        )
        self.log = Log()
        self.api = _Api(world, self.limiter, random.Random(f"{seed} server"), self.log)
        self.guards = Guards(
            limiter=self.limiter,
            gate=None,
            breaker=SharedCircuitBreaker(policy=CircuitPolicy(), clock=clock, rng=rng),
            errors=PredictiveErrorHandler(local_time=local_time, clock=clock, rng=rng),
            reach=Reach("laboratory", 86_400.0, spoke_before=True, clock=clock),
            sizer=None,
            times=AnswerTimes(),
            traffic=Traffic(),
        )
        self._client = SourceClient(self.api, self.guards)
        self._endpoint = property_endpoint(())
        self._next_id = 1
        self._chunk = chunk
        self._seconds = world.seconds

    async def run(self) -> Played:
        tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        tasks.append(asyncio.create_task(self.limiter.run()))
        await asyncio.sleep(self._seconds)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        return Played(result=self._result(), log=self.log, guards=self.guards)

    async def _work(self) -> None:
        while True:
            first, self._next_id = self._next_id, self._next_id + self._chunk
            entries = [
                Entry(position=each, source_id=str(each)) for each in range(first, first + self._chunk)
            ]
            fetch = await self._client.fetch(self._endpoint, entries, lambda _: None)
            self.log.isolations += sum(", isolate: " in attempt.decision for attempt in fetch.attempts)
            self.log.settled += [entry.position for entry in entries]
            self.log.given_up |= {
                int(source_id) for source_id, answer in fetch.answers.items() if isinstance(answer, Failed)
            }

    def _result(self) -> Result:
        sent = self.log.sent_at
        most = max(
            (
                sum(1 for later in sent[index : index + 12] if later < at + 1.0)
                for index, at in enumerate(sent)
            ),
            default=0,
        )
        return Result(
            rows=sum(rows for at, rows in self.log.rows_at if at < self._seconds),
            requests=len(sent),
            most_sent_in_a_second=most,
            tally=self.api.server.tally,
            digest=hashlib.blake2b(repr((sent, self.log.rows_at)).encode(), digest_size=8).hexdigest(),
        )


def play_whole(world: World, seed: int, *, chunk: int = 200) -> Played:
    """Let eight workers ask for chunk after chunk until the world ends; the same seed plays the same.

    Raises:
        RuntimeError: everybody waits for ever.
    """

    async def play() -> Played:
        return await _Play(world, seed, chunk).run()

    with capture_logs(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(play())


def _wall(now: float) -> datetime:
    return EPOCH + timedelta(seconds=now)
