"""What goes out by the transport, and what comes of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryoasync.control.rate.permit_ledger import Permit
from cryoasync.control.rate.permit_queue import Priority
from cryoasync.ports import ActivityReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent: ``form`` as a form, or ``json`` as a body of that kind."""

    method: str
    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    json: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a request needs on its way.

    Attributes:
        endpoint: what is asked.
        report: told of each step.
        priority: among those that wait for a permit.
        timeout_seconds: ends the wait for this answer earlier than the session's own limit.
        may_send: asked at the last moment, with a permit in hand, whether the request may still go out.
    """

    endpoint: str
    report: ActivityReport
    priority: Priority
    timeout_seconds: float = math.inf
    may_send: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer, whole.

    ``sent_at`` is the clock's reading when the head was written, by ``permit``, ``seconds`` what the answer took
    from there, ``answered_at`` the time of day.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: float
    seconds: float
    answered_at: datetime
    permit: Permit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponse:
    """An attempt that brought no whole answer, given up at ``answered_at``.

    ``sent_at`` is ``None`` where the request never went out, and so used no ``permit``; ``is_timeout`` tells an
    answer that was waited for in vain from a connection that broke.
    """

    reason: str
    sent_at: float | None
    seconds: float
    answered_at: datetime
    permit: Permit | None = None
    is_timeout: bool = False
