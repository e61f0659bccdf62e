"""The transport over real sockets."""

import asyncio
import gzip
import math
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from cryoasync import __version__
from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.control.rate.rate_policy import CountWindow, RatePolicy, RunningTimeWindow
from cryoasync.http import transport as module
from cryoasync.http.messages import NoResponse, Response, Ticket
from cryoasync.http.transport import Transport
from cryoasync.models import Activity
from tests.integration.http.loopback import Handler, Received, loopback
from tests.ports import free_port

FORM = {"cid": "1,2"}
PLENTY = RatePolicy(
    counts=(CountWindow(limit=1000, seconds=1.0),),
    running_time=RunningTimeWindow(limit_seconds=1e6, seconds=60.0),
)


class WatchedLimiter(SharedRateLimiter):
    """Grants a permit only while its gate is open, and tells what became of each."""

    def __init__(self, policy: RatePolicy = PLENTY) -> None:
        """Start with the gate open."""
        clock = asyncio.get_running_loop().time
        super().__init__("http://127.0.0.1", policy, [], clock=clock, rng=random.Random(0))
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.waiting = 0
        self.settled: list[float] = []
        self.released = 0

    async def wait(self, endpoint: str, priority: Priority = Priority.BEGIN) -> Permit:
        """Wait for the gate, and then for a permit."""
        self.waiting += 1
        self.asked.set()
        try:
            await self.gate.wait()
            return await super().wait(endpoint, priority)
        finally:
            self.waiting -= 1

    def settle(self, permit: Permit, running_seconds: float) -> None:
        """Note how long a request took."""
        self.settled.append(running_seconds)
        super().settle(permit, running_seconds)

    def release(self, permit: Permit) -> None:
        """Note a permit given back."""
        self.released += 1
        super().release(permit)

    def close_gate(self) -> None:
        """Grant no more, and forget who asked."""
        self.gate.clear()
        self.asked.clear()

    @property
    def unsettled(self) -> int:
        """How many permits somebody holds."""
        return self._ledger.in_use


@asynccontextmanager
async def sending(
    limiter: WatchedLimiter, *, timeout_seconds: float = 5.0, connections: int = 4, contact: str | None = None
) -> AsyncIterator[Transport]:
    """Open a transport whose permits are granted."""
    granting = asyncio.create_task(limiter.run())
    async with Transport.open(
        limiter,
        connections=connections,
        timeout_seconds=timeout_seconds,
        contact=contact,
        clock=asyncio.get_running_loop().time,
    ) as transport:
        yield transport
    granting.cancel()


def ticket(
    activities: list[Activity] | None = None,
    *,
    timeout_seconds: float = math.inf,
    may_send: Callable[[], bool] = lambda: True,
) -> Ticket:
    """A ticket to the property table."""
    reported: list[Activity] = [] if activities is None else activities
    return Ticket(
        endpoint="property",
        report=reported.append,
        priority=Priority.BEGIN,
        timeout_seconds=timeout_seconds,
        may_send=may_send,
    )


async def post(
    transport: Transport, url: str, activities: list[Activity] | None = None
) -> Response | NoResponse:
    """Send one form."""
    answer = await transport.post(url, FORM, ticket(activities))
    assert answer is not None
    return answer


async def answering(received: Received) -> None:
    """Answer with an empty object."""
    await received.answer()


async def silent(received: Received) -> None:
    """Never answer, until the client hangs up."""
    await received.reader.read()


async def test_a_form_goes_out_under_the_projects_name_and_the_answer_comes_back_whole() -> None:
    """Name, version and contact are in the User-Agent; the ids in the body; status, headers and body in the answer."""

    async def handler(received: Received) -> None:
        await received.answer(b'{"Fault": 1}', status="404 PUGREST.NotFound", X_Throttling_Control="Green")

    async with loopback(handler) as server, sending(WatchedLimiter(), contact="jo@lab.example") as transport:
        answer = await post(transport, f"{server.url}/rest/pug/compound/cid/property/Title,InChI/JSON")
    (request,) = server.requests
    lines = request.head.splitlines()
    assert lines[0] == "POST /rest/pug/compound/cid/property/Title,InChI/JSON HTTP/1.1"
    assert f"User-Agent: cryoasync/{__version__} (jo@lab.example)" in lines
    assert "Accept: application/json" in lines
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert request.body in {b"cid=1%2C2", b"cid=1,2"}
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (404, b'{"Fault": 1}')
    assert answer.headers["x-throttling-CONTROL"] == "Green"


async def test_without_a_contact_the_name_stands_alone() -> None:
    """Nobody is named who was not asked."""
    async with loopback(answering) as server, sending(WatchedLimiter()) as transport:
        await post(transport, server.url)
    assert f"User-Agent: cryoasync/{__version__}" in server.requests[0].head.splitlines()


@pytest.mark.parametrize("reused", [False, True])
async def test_a_permit_is_taken_when_the_connection_stands_and_before_anything_is_sent(reused: bool) -> None:
    """On an open connection as on a fresh one: not a byte goes out without it, and each attempt takes its own."""
    limiter = WatchedLimiter()
    activities: list[Activity] = []
    async with loopback(answering) as server, sending(limiter) as transport:
        if reused:
            await post(transport, server.url)
        limiter.close_gate()
        attempt = asyncio.create_task(post(transport, server.url, activities))
        await limiter.asked.wait()
        await asyncio.sleep(0.05)
        assert len(server.requests) == reused
        assert activities == [Activity.WAITING_FOR_PERMIT]
        limiter.gate.set()
        assert isinstance(await attempt, Response)
    assert activities == [Activity.WAITING_FOR_PERMIT, Activity.FETCHING]
    assert server.connections == 1
    assert limiter.get_stats().used == len(limiter.settled) == 1 + reused
    assert limiter.unsettled == 0


async def test_the_time_an_answer_took_is_settled_and_told() -> None:
    """From the head of the request to the end of the body; waiting for the permit is no part of it.

    What the source is taken to have worked ends with the head of its answer.
    """

    async def handler(received: Received) -> None:
        await asyncio.sleep(0.1)
        await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
        await asyncio.sleep(0.3)
        await received.send(b"}")

    limiter = WatchedLimiter()
    clock = asyncio.get_running_loop().time
    async with loopback(handler) as server, sending(limiter) as transport:
        limiter.close_gate()
        attempt = asyncio.create_task(post(transport, server.url))
        await server.until(lambda seen: seen.connections == 1)
        await asyncio.sleep(0.1)
        opened_at = clock()
        limiter.gate.set()
        answer = await attempt
    assert isinstance(answer, Response)
    assert 0.4 <= answer.seconds <= clock() - opened_at
    assert answer.sent_at >= opened_at
    [worked_seconds] = limiter.settled
    assert 0.05 <= worked_seconds <= answer.seconds - 0.1


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
async def test_an_answer_that_stalls_is_given_up(part: bytes) -> None:
    """Before its head, inside it or inside its body: the time limit is for the whole; its connection is closed."""

    async def handler(received: Received) -> None:
        await received.send(part)
        await silent(received)

    limiter = WatchedLimiter()
    async with loopback(handler) as server, sending(limiter, timeout_seconds=0.2) as transport:
        answer = await post(transport, server.url)
        again = await post(transport, server.url)
    assert isinstance(answer, NoResponse)
    assert answer.reason == "TimeoutError"
    assert answer.sent_at is not None
    assert answer.seconds >= 0.2
    assert len(limiter.settled) == 2
    assert min(limiter.settled) >= 0.15
    assert limiter.unsettled == 0
    assert isinstance(again, NoResponse)
    assert server.connections == 2


async def test_a_single_request_may_be_given_less_time_than_the_session() -> None:
    """The caller knows best how long such an answer takes; the session's limit stays the longest."""

    async def handler(received: Received) -> None:
        await silent(received)

    # The longer limit is never waited for: it is beyond the test's own.
    for longest, given in ((3600.0, 0.1), (0.1, 3600.0)):
        async with (
            loopback(handler) as server,
            sending(WatchedLimiter(), timeout_seconds=longest) as transport,
        ):
            answer = await transport.post(server.url, FORM, ticket(timeout_seconds=given))
            assert isinstance(answer, NoResponse)
            assert answer.is_timeout
            assert answer.seconds >= 0.1


async def test_waiting_for_a_permit_is_not_waiting_for_an_answer() -> None:
    """The time limit begins when the request goes out."""
    limiter = WatchedLimiter()
    async with loopback(answering) as server, sending(limiter, timeout_seconds=0.5) as transport:
        limiter.close_gate()
        attempt = asyncio.create_task(post(transport, server.url))
        await asyncio.sleep(0.6)
        limiter.gate.set()
        assert isinstance(await attempt, Response)


async def _reset(received: Received) -> None:
    received.reset()


async def _reset_in_the_body(received: Received) -> None:
    await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await asyncio.sleep(0.02)
    received.reset()


async def _close(received: Received) -> None:
    received.writer.close()


async def _close_in_the_body(received: Received) -> None:
    await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    received.writer.close()


async def _close_in_a_chunk(received: Received) -> None:
    await received.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")
    received.writer.close()


async def _bad_chunk(received: Received) -> None:
    await received.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n{}\r\n")


async def _no_http(received: Received) -> None:
    await received.send(b"220 mail.example ESMTP\r\n\r\n")


async def _bad_head(received: Received) -> None:
    await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: \xff\x00\r\n\r\n")


async def _endless_head(received: Received) -> None:
    await received.send(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n{}")


async def _no_gzip(received: Received) -> None:
    await received.answer(b"this is no gzip stream", Content_Encoding="gzip")


@pytest.mark.parametrize(
    "handler",
    [
        _reset,
        _reset_in_the_body,
        _close,
        _close_in_the_body,
        _close_in_a_chunk,
        _bad_chunk,
        _no_http,
        _bad_head,
        _endless_head,
        _no_gzip,
    ],
)
async def test_a_broken_answer_is_none(handler: Handler) -> None:
    """Whatever breaks, at whatever point, is a reason and not an error; the permit is accounted for."""
    limiter = WatchedLimiter()
    async with loopback(handler) as server, sending(limiter) as transport:
        answer = await post(transport, server.url)
    assert isinstance(answer, NoResponse), answer
    assert answer.reason
    assert answer.sent_at is not None
    assert len(limiter.settled) == 1
    assert limiter.unsettled == limiter.released == 0


async def test_a_body_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory has one; the connection is closed, since the rest would follow on it."""
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 1_000_000)

    async def handler(received: Received) -> None:
        await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            await received.send(b" " * 100_000)

    async with loopback(handler) as server, sending(WatchedLimiter()) as transport:
        answer = await post(transport, server.url)
        await server.until(lambda seen: seen.closed == 1)
    assert isinstance(answer, NoResponse)
    assert "more than 1,000,000 bytes" in answer.reason


async def test_a_small_answer_that_unpacks_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for what it becomes."""
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 1_000_000)

    async def handler(received: Received) -> None:
        await received.answer(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")

    async with loopback(handler) as server, sending(WatchedLimiter()) as transport:
        assert isinstance(await post(transport, server.url), NoResponse)


async def test_packed_answers_are_asked_for_and_unpacked() -> None:
    """A table of rows shrinks to a tenth."""
    content = b'{"PropertyTable": {"Properties": []}}' * 100

    async def handler(received: Received) -> None:
        await received.answer(gzip.compress(content), Content_Encoding="gzip")

    async with loopback(handler) as server, sending(WatchedLimiter()) as transport:
        answer = await post(transport, server.url)
    assert isinstance(answer, Response)
    assert answer.body == content
    (accepted,) = [
        line for line in server.requests[0].head.splitlines() if line.startswith("Accept-Encoding")
    ]
    assert "gzip" in accepted


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_redirects_are_answers_and_are_not_followed(status: str) -> None:
    """The request would go out without a permit, to a host that nobody named."""

    async def handler(received: Received) -> None:
        await received.answer(b"<html>moved</html>", status=status, Location=elsewhere.url)

    async with (
        loopback(answering) as elsewhere,
        loopback(handler) as server,
        sending(WatchedLimiter()) as transport,
    ):
        answer = await post(transport, server.url)
    assert isinstance(answer, Response)
    assert answer.status == int(status[:3])
    assert (len(server.requests), elsewhere.connections) == (1, 0)


async def _no_name(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("trouble", ["refused", "name", "tls", "silent tls"])
async def test_a_connection_that_never_stands_takes_no_permit(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port, an unknown name, a server that does not speak TLS or is silent about it."""
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if trouble == "tls":
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()
        ended.set()

    ended = asyncio.Event()
    limiter = WatchedLimiter()
    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = {
        "refused": f"http://127.0.0.1:{free_port()}",
        "name": "http://pubchem.test",
    }.get(trouble, f"https://127.0.0.1:{port}")
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _no_name)
    async with server, sending(limiter) as transport:
        answer = await post(transport, url)
        if "tls" in trouble:
            await ended.wait()
    assert isinstance(answer, NoResponse)
    assert answer.sent_at is None
    assert answer.reason
    assert limiter.get_stats().used == 0
    assert limiter.unsettled == limiter.waiting == 0


async def test_a_cancelled_request_leaves_no_permit_in_use() -> None:
    """What the server was kept busy with counts all the same, and the connection is closed."""
    limiter = WatchedLimiter()
    async with loopback(silent) as server, sending(limiter) as transport:
        attempt = asyncio.create_task(post(transport, server.url))
        await server.until(lambda seen: len(seen.requests) == 1)
        assert limiter.unsettled == 1
        await asyncio.sleep(0.1)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert limiter.unsettled == 0
        assert len(limiter.settled) == 1
        assert limiter.settled[0] >= 0.05
        await server.until(lambda seen: seen.closed == 1)


@pytest.mark.parametrize("reused", [False, True])
async def test_a_request_cancelled_while_it_waits_leaves_nothing_behind(reused: bool) -> None:
    """Neither a permit nor an open connection; the next request finds room."""
    limiter = WatchedLimiter()
    async with loopback(answering) as server, sending(limiter, connections=1) as transport:
        if reused:
            await post(transport, server.url)
        limiter.close_gate()
        attempt = asyncio.create_task(post(transport, server.url))
        await limiter.asked.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await server.until(lambda seen: seen.closed == 1)
        assert limiter.unsettled == 0
        limiter.gate.set()
        assert isinstance(await post(transport, server.url), Response)


async def test_a_connection_that_was_closed_while_it_waited_is_replaced() -> None:
    """The request goes out once, on a fresh connection, and the unused permit is given back."""
    limiter = WatchedLimiter()
    async with loopback(answering, idle_seconds=0.05) as server, sending(limiter) as transport:
        limiter.close_gate()
        attempt = asyncio.create_task(post(transport, server.url))
        await server.until(lambda seen: seen.closed == 1)
        limiter.gate.set()
        assert isinstance(await attempt, Response)
    assert server.connections == 2
    assert len(server.requests) == len(limiter.settled) == limiter.released == 1
    assert limiter.unsettled == 0


async def test_requests_go_out_where_permits_are_rarer_than_the_server_is_patient() -> None:
    """Eight workers at a low rate: each waits longer than the server keeps an idle connection."""
    limiter = WatchedLimiter(RatePolicy(counts=(CountWindow(limit=1, seconds=0.1),), guard_seconds=0.01))
    async with loopback(answering, idle_seconds=0.15) as server, sending(limiter, connections=8) as transport:
        answers = await asyncio.gather(*(post(transport, server.url) for _ in range(8)))
    assert [type(answer) for answer in answers] == [Response] * 8
    assert len(server.requests) == 8


async def test_no_more_connections_are_open_than_were_asked_for() -> None:
    """Those that find none wait for one, and then for their permit."""

    async def handler(received: Received) -> None:
        await asyncio.sleep(0.01)
        await received.answer()

    limiter = WatchedLimiter()
    async with loopback(handler) as server, sending(limiter, connections=2) as transport:
        answers = await asyncio.gather(*(post(transport, server.url) for _ in range(10)))
    assert [type(answer) for answer in answers] == [Response] * 10
    assert server.connections == 2


async def test_a_request_that_is_held_back_at_the_last_moment_is_not_sent_and_its_permit_is_given_back() -> (
    None
):
    """Asked with the permit in hand; the connection serves the next request."""
    limiter, asked = WatchedLimiter(), []

    def may_send() -> bool:
        asked.append(limiter.get_stats().used)
        return len(asked) > 1

    async with loopback(answering) as server, sending(limiter) as transport:
        assert await transport.post(server.url, FORM, ticket(may_send=may_send)) is None
        assert server.requests == []
        assert (limiter.released, limiter.settled) == (1, [])
        assert isinstance(await transport.post(server.url, FORM, ticket(may_send=may_send)), Response)
        assert (asked, server.connections) == ([1, 1], 1)
