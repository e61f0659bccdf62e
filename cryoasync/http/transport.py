"""Sends one HTTP request, with a permit taken at the last moment before its head is written."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from cryoasync import __version__
from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.rate.rate_limiter import SharedRateLimiter
from cryoasync.http.messages import NoResponse, Request, Response, Ticket
from cryoasync.http.round_trip import RoundTripTime
from cryoasync.models import Activity
from cryoasync.ports import Clock

CONNECT_SECONDS = 15.0
IDLE_CONNECTION_SECONDS = 20.0
LARGEST_BODY_BYTES = 256 * 1024 * 1024
"""Many times what ten thousand compounds need: what goes on beyond it is no answer."""


class _HeldBackError(aiohttp.ClientError):
    """The request was not to go out at the last moment."""


@dataclass(slots=True)
class _Sending:
    """One attempt under way."""

    ticket: Ticket
    priority: Priority
    deadline: asyncio.Timeout | None = None
    permit: Permit | None = None
    sent_at: float | None = None
    worked_until: float | None = None


_sending: ContextVar[_Sending] = ContextVar("sending")
"""The attempt that a connection is wanted for: aiohttp's connectors are not told."""


def user_agent(contact: str | None) -> str:
    """Return an honest name, with an address to complain to where one was set."""
    return f"cryoasync/{__version__}" + (f" ({contact})" if contact else "")


class Transport:
    """An HTTP session whose every request waits for a permit once its connection stands.

    Time spent on names, TCP and TLS is so not counted as sent, and a request goes out when its permit says.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        limiter: SharedRateLimiter,
        round_trip: RoundTripTime,
        *,
        clock: Clock,
    ) -> None:
        """Use an open session; see :meth:`open`."""
        self._session = session
        self._limiter = limiter
        self._round_trip = round_trip
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        limiter: SharedRateLimiter,
        *,
        connections: int,
        timeout_seconds: float,
        contact: str | None,
        clock: Clock,
    ) -> AsyncIterator["Transport"]:
        """Open a session of at most ``connections`` connections.

        Args:
            limiter: grants the permits.
            connections: requests that can be under way at a time.
            timeout_seconds: the longest that a whole answer may take from the moment its request was sent.
            contact: an address for the ``User-Agent``.
            clock: what the limiter counts with.
        """
        round_trip = RoundTripTime()
        async with aiohttp.ClientSession(
            connector=_PermitConnector(limiter, round_trip, connections, timeout_seconds, clock),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            headers={"User-Agent": user_agent(contact), "Accept": "application/json"},
        ) as session:
            yield cls(session, limiter, round_trip, clock=clock)

    async def post(self, url: str, form: Mapping[str, str], ticket: Ticket) -> Response | NoResponse | None:
        """Send ``form``; see :meth:`send`."""
        return await self.send(Request(method="POST", url=url, form=form), ticket)

    async def send(self, request: Request, ticket: Ticket) -> Response | NoResponse | None:
        """Send a request and return the whole answer, or why there was none.

        ``None`` is returned where the ticket was no longer good in the end: nothing went out.
        """
        sending = _Sending(ticket=ticket, priority=ticket.priority)
        _sending.set(sending)
        started_at = self._clock()
        try:
            async with asyncio.timeout(None) as sending.deadline:
                return await self._exchange(request, sending)
        except _HeldBackError:
            return None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NoResponse(
                reason=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
                sent_at=sending.sent_at,
                seconds=self._clock() - (started_at if sending.sent_at is None else sending.sent_at),
                answered_at=datetime.now(UTC),
                permit=sending.permit,
                is_timeout=isinstance(error, TimeoutError),
            )
        finally:
            self._settle(sending)

    async def _exchange(self, request: Request, sending: _Sending) -> Response:
        async with self._session.request(
            request.method,
            request.url,
            params=request.parameters,
            headers=request.headers,
            data=request.form,
            json=request.json,
            allow_redirects=False,
        ) as response:
            head_at = self._clock()
            body = await _whole_body(response)
            sending.worked_until = head_at
        sent_at = self._clock() if sending.sent_at is None else sending.sent_at
        return Response(
            status=response.status,
            headers=response.headers,
            body=body,
            sent_at=sent_at,
            seconds=self._clock() - sent_at,
            answered_at=datetime.now(UTC),
            permit=sending.permit,
        )

    def _settle(self, sending: _Sending) -> None:
        """Account for the permit: with the time the answer took the source, or given back where nothing was sent.

        A whole answer took it until its head: a body that is long under way is no work.
        """
        if sending.permit is None:
            return
        if sending.sent_at is None:
            self._limiter.release(sending.permit)
        else:
            worked_until = self._clock() if sending.worked_until is None else sending.worked_until
            took_seconds = worked_until - sending.sent_at
            self._limiter.settle(sending.permit, max(0.0, took_seconds - self._round_trip.seconds()))


class _PermitConnector(aiohttp.TCPConnector):
    """Gives out each connection with the permit to send on it at once.

    A connection may wait for its permit longer than the server keeps it open. One that was closed meanwhile
    is replaced, its permit given back, and the request goes before all others: where permits are rare, none
    would ever go out otherwise.
    """

    def __init__(
        self,
        limiter: SharedRateLimiter,
        round_trip: RoundTripTime,
        connections: int,
        timeout_seconds: float,
        clock: Clock,
    ) -> None:
        super().__init__(
            limit=connections,
            keepalive_timeout=IDLE_CONNECTION_SECONDS,
            socket_factory=round_trip.make_socket,
        )
        self._limiter = limiter
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Connect, and wait for a permit."""
        sending = _sending.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            sending.ticket.report(Activity.WAITING_FOR_PERMIT)
            try:
                permit = await self._limiter.wait(sending.ticket.endpoint, sending.priority)
            except asyncio.CancelledError:
                connection.close()
                raise
            is_open = connection.protocol is not None and connection.protocol.is_connected()
            if is_open and sending.ticket.may_send():
                self._start(sending, permit)
                return connection
            self._limiter.release(permit)
            if is_open:
                connection.release()
                raise _HeldBackError
            connection.close()
            sending.priority = Priority.RESUME

    def _start(self, sending: _Sending, permit: Permit) -> None:
        sending.permit = permit
        sending.sent_at = self._clock()
        sending.ticket.report(Activity.FETCHING)
        if sending.deadline is not None:
            seconds = min(self._timeout_seconds, sending.ticket.timeout_seconds)
            sending.deadline.reschedule(asyncio.get_running_loop().time() + seconds)


async def _whole_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > LARGEST_BODY_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {LARGEST_BODY_BYTES:,} bytes")
    return bytes(body)
