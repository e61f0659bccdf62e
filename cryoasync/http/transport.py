"""Sends one HTTP request, with a permit taken at the last moment before its head is written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TypeAlias

import aiohttp

from cryoasync import __version__
from cryoasync.control.rate_limiter import Permit, Priority, SharedRateLimiter
from cryoasync.models import Activity
from cryoasync.ports import ActivityReport, Clock

CONNECT_SECONDS = 15.0
IDLE_CONNECTION_SECONDS = 20.0

PermitHook: TypeAlias = Callable[[aiohttp.ClientSession, SimpleNamespace, object], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer, whole.

    ``sent_at`` is the clock's reading when the head was written, ``seconds`` what the answer took from there,
    ``answered_at`` the time of day.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: float
    seconds: float
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponse:
    """An attempt that brought no whole answer, given up at ``answered_at``.

    ``sent_at`` is ``None`` where the request never went out.
    """

    reason: str
    sent_at: float | None
    seconds: float
    answered_at: datetime


@dataclass(slots=True)
class _Sending:
    """One attempt under way; aiohttp hands it to the hooks."""

    report: ActivityReport
    priority: Priority
    deadline: asyncio.Timeout | None = None
    permit: Permit | None = None
    sent_at: float | None = None


def user_agent(contact: str | None) -> str:
    """Return an honest name, with an address to complain to where one was set."""
    return f"cryoasync/{__version__}" + (f" ({contact})" if contact else "")


class Transport:
    """An HTTP session whose every request waits for a permit once its connection stands.

    Time spent on names, TCP and TLS is so not counted as sent, and a request goes out when its permit says.
    """

    def __init__(self, session: aiohttp.ClientSession, limiter: SharedRateLimiter, *, clock: Clock) -> None:
        """Use an open session; see :meth:`open`."""
        self._session = session
        self._limiter = limiter
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
        hooks = aiohttp.TraceConfig()
        take_permit = _permit_hook(limiter, clock, timeout_seconds)
        hooks.on_connection_create_end.append(take_permit)
        hooks.on_connection_reuseconn.append(take_permit)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=IDLE_CONNECTION_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            headers={"User-Agent": user_agent(contact), "Accept": "application/json"},
            trace_configs=[hooks],
        ) as session:
            yield cls(session, limiter, clock=clock)

    async def post(
        self, url: str, form: Mapping[str, str], report: ActivityReport, priority: Priority
    ) -> Response | NoResponse:
        """Send ``form`` and return the whole answer, or why there was none."""
        sending = _Sending(report=report, priority=priority)
        started_at = self._clock()
        try:
            async with asyncio.timeout(None) as sending.deadline:
                return await self._exchange(url, form, sending)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NoResponse(
                reason=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
                sent_at=sending.sent_at,
                seconds=self._clock() - (started_at if sending.sent_at is None else sending.sent_at),
                answered_at=datetime.now(UTC),
            )
        finally:
            self._settle(sending)

    async def _exchange(self, url: str, form: Mapping[str, str], sending: _Sending) -> Response:
        async with self._session.post(
            url, data=form, trace_request_ctx=sending, allow_redirects=False
        ) as response:
            body = await response.read()
        sent_at = self._clock() if sending.sent_at is None else sending.sent_at
        return Response(
            status=response.status,
            headers=response.headers,
            body=body,
            sent_at=sent_at,
            seconds=self._clock() - sent_at,
            answered_at=datetime.now(UTC),
        )

    def _settle(self, sending: _Sending) -> None:
        """Account for the permit: with the time the answer took, or given back where nothing was sent."""
        if sending.permit is None:
            return
        if sending.sent_at is None:
            self._limiter.release(sending.permit)
        else:
            self._limiter.settle(sending.permit, self._clock() - sending.sent_at)


def _permit_hook(limiter: SharedRateLimiter, clock: Clock, timeout_seconds: float) -> PermitHook:
    """Return what aiohttp awaits between having a connection and writing the request's head on it."""

    async def take_permit(_session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
        sending: _Sending = context.trace_request_ctx
        sending.report(Activity.WAITING_FOR_PERMIT)
        sending.permit = await limiter.wait(sending.priority)
        sending.sent_at = clock()
        sending.report(Activity.FETCHING)
        if sending.deadline is not None:
            sending.deadline.reschedule(asyncio.get_running_loop().time() + timeout_seconds)

    return take_permit
