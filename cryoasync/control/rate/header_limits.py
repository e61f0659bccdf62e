"""What answers said that may still be used, kept to: limits that come with headers, on top of the policy's own."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryoasync.control.rate.rate_headers import Quota
from cryoasync.control.rate.rate_policy import CountWindow

ANNOUNCED_SECONDS = 60.0
"""How long a window is kept to after it was announced last."""


@dataclass(slots=True)
class _Allowance:
    """So many more requests until a moment."""

    left: int
    until: float


@dataclass(slots=True)
class _Endpoint:
    sent: int = 0
    allowances: list[_Allowance] = field(default_factory=list)

    def add(self, new: _Allowance, now: float) -> None:
        """Keep to one more; what another one implies, or what is over, is dropped."""
        alive = [a for a in self.allowances if a.until > now]
        if not any(a.left <= new.left and a.until >= new.until for a in alive):
            alive = [a for a in alive if a.left < new.left or a.until > new.until]
            alive.append(new)
        self.allowances = alive


class HeaderLimits:
    """Quotas by endpoint, and announced windows of the whole host.

    A quota counts what was used when its answer was written; whatever was sent since then is taken off it.
    All that were said hold at a time, since each instance of a source knows its own part of the traffic.
    """

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._endpoints: defaultdict[str, _Endpoint] = defaultdict(_Endpoint)
        self._windows: dict[CountWindow, float] = {}

    def sent(self, endpoint: str) -> int:
        """Count a request, and return its number among those to the endpoint."""
        known = self._endpoints[endpoint]
        known.sent += 1
        for allowance in known.allowances:
            allowance.left -= 1
        return known.sent

    def take(self, endpoint: str, number: int, quotas: Sequence[Quota], now: float) -> bool:
        """Keep to the quotas in the answer to the request of that ``number``; tell whether they close the endpoint."""
        known = self._endpoints[endpoint]
        for quota in quotas:
            known.add(_Allowance(quota.available - (known.sent - number), now + quota.seconds), now)
        return self.closed_until(endpoint, now) > now

    def announce(self, windows: Sequence[CountWindow], now: float) -> bool:
        """Keep to ``windows`` for a minute after they were last announced; tell whether any of them is new."""
        if not windows:
            return False
        are_new = any(window not in self._windows for window in windows)
        for window in windows:
            self._windows[window] = now + ANNOUNCED_SECONDS
        return are_new

    def closed_until(self, endpoint: str, now: float) -> float:
        """Return when the endpoint may be asked again; a moment not after ``now`` where it may be."""
        known = self._endpoints[endpoint]
        if not known.allowances:
            return now
        closed = [a.until for a in known.allowances if a.left <= 0 and a.until > now]
        return max(closed, default=now)

    def windows(self, now: float) -> tuple[CountWindow, ...]:
        """Return the windows that hold."""
        for window in [window for window, until in self._windows.items() if until <= now]:
            del self._windows[window]
        return tuple(self._windows)
