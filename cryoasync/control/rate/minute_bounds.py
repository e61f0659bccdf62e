"""Which bound of a minute a source keeps to, beside its limit of a second: of requests, of running time, or none.

What both were at a request that is refused tells them apart in time: they run nearly in step, yet not quite.
"""

import math
from collections.abc import Sequence

from cryoasync.control.rate.minute_limit import MinuteLimit
from cryoasync.control.rate.probe_pace import LEAST_REFUSAL_COST, pause_seconds
from cryoasync.control.rate.rate_belief import STRONG_SUSPICION, SUSPICION, RateBelief
from cryoasync.control.rate.sendings import MINUTE_SECONDS, Sending, Sendings

SURE = 0.9
DOUBTFUL = 0.5
"""A bound is kept to from when the first probability is reached until it falls below the second."""

EVENT_SECONDS = 1.0
"""Refusals within such a time are one event: a second of them proves nothing more of a minute."""


class MinuteBounds:
    """The bounds that may be in force, and which is; every method takes the reading of a clock."""

    def __init__(self, limit: int, running_seconds: float | None, sendings: Sendings) -> None:
        """Allow ``limit`` a second all the minute, and ``running_seconds`` of running time, if that is bounded."""
        self._limit = limit
        self._sendings = sendings
        self._requests = MinuteLimit(round(limit * MINUTE_SECONDS), unit=1.0)
        self._running = None if running_seconds is None else MinuteLimit(running_seconds, unit=0.0)
        # In the order in which they are believed where nothing tells them apart.
        self._bounds = tuple(bound for bound in (self._running, self._requests) if bound is not None)
        self._kept: MinuteLimit | None = None
        self._suspected_at = -math.inf

    @property
    def count(self) -> int:
        """How many may be in force."""
        return len(self._bounds)

    @property
    def is_kept(self) -> bool:
        """Whether one of them is in force."""
        return self._kept is not None

    def beyond(self, sending: Sending, belief: RateBelief, *, alone: bool) -> Sequence[bool | None]:
        """Tell of each bound whether it would have refused a request; ``None`` where nobody knows."""
        if alone:
            # However low the minute's level was, the bound is lower.
            return [True for _ in self._bounds]
        if belief.is_suspecting and sending.at > self._suspected_at + EVENT_SECONDS:
            beyond = [bound.is_beyond(level) for bound, level in self._levels(sending)]
            # What is only suspected has to prove itself; what is kept to, to be refuted.
            return beyond if self.is_kept else [bool(each) for each in beyond]
        return [False for _ in self._bounds]

    def follow(self, belief: RateBelief) -> None:
        """Keep to the bound that is believed in, if one is."""
        probable = belief.bounded
        is_kept = sum(probable) > (DOUBTFUL if self.is_kept else SURE)
        self._kept = self._bounds[probable.index(max(probable))] if is_kept else None

    def accepted(self, sending: Sending, belief: RateBelief) -> None:
        """Learn of a request that was let in."""
        if belief.is_suspecting:
            for bound, level in self._levels(sending):
                bound.accepted(level)

    def refused(
        self, sending: Sending, belief: RateBelief, now: float, retry_after_seconds: float, *, alone: bool
    ) -> None:
        """Learn of a request that was refused: what is suspected has to prove itself by what is sent from now on.

        One refused ``alone`` proves it at once: no limit of a second explains it, nor does chance.
        """
        is_same_event = sending.at <= self._suspected_at + EVENT_SECONDS
        if not alone and (is_same_event or belief.is_sure_of_chance):
            return
        self._suspected_at, levels = now, self._levels(sending)
        if alone:
            is_explained = sum(belief.bounded) >= STRONG_SUSPICION
        else:
            is_explained = belief.is_suspecting and any(bound.is_beyond(level) for bound, level in levels)
        is_anew = not self.is_kept and not is_explained
        if is_anew:
            belief.suspect_bounds(STRONG_SUSPICION if alone else SUSPICION)
        for bound, level in levels:
            rest = self._rest_seconds(bound, retry_after_seconds)
            bound.refused(level, now, rest, anew=is_anew, alone=alone)

    def request_limit(self, now: float) -> int | None:
        """Return how many requests a minute may hold, where that is the bound in force.

        It is, too, where nothing is let in any more: refused requests take no running time, yet they are requests.
        """
        kept = self._kept
        if kept is None or not (kept is self._requests or kept.is_least):
            return None
        return int(self._requests.limit(now))

    def running_limit_seconds(self, now: float) -> float | None:
        """Return how much running time a minute may hold, where that is the bound in force."""
        return self._kept.limit(now) if self._kept is not None and self._kept is self._running else None

    @property
    def feel_at(self) -> float:
        """When the bound in force is felt upward next; infinite where there is none."""
        return math.inf if self._kept is None else self._kept.feel_at

    def _levels(self, sending: Sending) -> list[tuple[MinuteLimit, float]]:
        minute = self._sendings.minute(sending)
        levels = (minute.running_seconds, float(minute.requests))
        return list(zip(self._bounds, levels[-len(self._bounds) :], strict=True))

    def _rest_seconds(self, bound: MinuteLimit, retry_after_seconds: float) -> float:
        """Return how long to rest before ``bound`` is felt upward."""
        cost_seconds = retry_after_seconds or LEAST_REFUSAL_COST / (self._limit * bound.part)
        return pause_seconds(cost_seconds, 1 / bound.part - 1)
