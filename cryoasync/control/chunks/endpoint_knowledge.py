"""What is believed of each endpoint's cost, from its answers and from what earlier such half-hours were like."""

import random
from dataclasses import dataclass, field

from cryoasync.control.chunks.chunk_choice import EndpointCost
from cryoasync.control.chunks.half_hours import HalfHour, HalfHourTable, UsualCost
from cryoasync.control.chunks.hazard_model import HazardModel
from cryoasync.control.chunks.time_model import TimeLine, TimeModel

KEPT_AT_A_HALF_HOUR = 0.1
"""What is left of what was learned when a half-hour begins of which something is known."""

USUAL_ANSWERS = 60.0
LATEST_ANSWERS = 20.0
"""How many answers that counts as; what was seen last, at whatever time, counts as fewer."""

ANSWERS_TO_KNOW = 30
"""Answers in a half-hour below which nothing is kept of it."""


@dataclass(slots=True)
class _Endpoint:
    """One endpoint, and how often it answered in the half-hour at hand."""

    name: str
    times: TimeModel = field(default_factory=TimeModel)
    hazard: HazardModel = field(default_factory=HazardModel)
    answers: int = 0

    def usual(self) -> UsualCost:
        line = self.times.line
        return UsualCost(
            base_seconds=line.base_seconds, seconds_an_id=line.seconds_an_id, hazard=self.hazard.mean
        )

    def suppose(self, usual: UsualCost, sizes: tuple[int, int], answers: float) -> None:
        """Take for granted that answers of two sizes, half of them each, were as usual."""
        line = TimeLine(base_seconds=usual.base_seconds, seconds_an_id=usual.seconds_an_id)
        for size in sizes:
            self.times.suppose(line, size, answers / 2)
            self.hazard.suppose(usual.hazard, size * answers / 2)

    def expected(self) -> EndpointCost:
        return self._cost(self.times.line, self.hazard.mean)

    def drawn(self, rng: random.Random) -> EndpointCost:
        return self._cost(self.times.draw(rng), self.hazard.draw(rng))

    def shifted(self, deviations: float, size: int) -> EndpointCost:
        line = self.times.line
        factor = max(0.0, 1 + deviations * self.times.deviation_seconds(size) / line.seconds(size))
        return self._cost(
            TimeLine(base_seconds=factor * line.base_seconds, seconds_an_id=factor * line.seconds_an_id),
            max(0.0, self.hazard.mean + deviations * self.hazard.deviation),
        )

    def _cost(self, line: TimeLine, hazard: float) -> EndpointCost:
        return EndpointCost(endpoint=self.name, line=line, spread=self.times.spread, hazard=hazard)


class EndpointKnowledge:
    """The endpoints of one source that answered so far."""

    def __init__(self, table: HalfHourTable, largest: int) -> None:
        """Begin with what earlier runs learned; ``largest`` is the largest size that is asked for."""
        self._table = table
        # Far enough apart that a line through them is one.
        self._two_sizes = max(1, largest // 4), largest
        self._half_hour: HalfHour | None = None
        self._endpoints: dict[str, _Endpoint] = {}

    def enter(self, half_hour: HalfHour) -> None:
        """Begin a half-hour: what is known of it counts before it shows."""
        if half_hour == self._half_hour:
            return
        self._table = self.learned()
        self._half_hour = half_hour
        for name, endpoint in self._endpoints.items():
            endpoint.answers = 0
            usual = self._table.usual(half_hour, name)
            if usual is not None:
                endpoint.times.discount(KEPT_AT_A_HALF_HOUR)
                endpoint.hazard.discount(KEPT_AT_A_HALF_HOUR)
                endpoint.suppose(usual, self._two_sizes, USUAL_ANSWERS)

    def record(self, name: str, ids: int, failed: float, seconds: float | None) -> None:
        """Learn from one answer; see :meth:`HazardModel.record`, and ``seconds`` where its time tells something."""
        if name not in self._endpoints:
            self._endpoints[name] = self._begun(name)
        endpoint = self._endpoints[name]
        endpoint.hazard.record(ids, failed)
        if seconds is not None:
            endpoint.times.record(ids, seconds)
        endpoint.answers += 1

    def learned(self) -> HalfHourTable:
        """Return all that is known, the half-hour at hand included."""
        known = [endpoint for endpoint in self._known() if endpoint.answers >= ANSWERS_TO_KNOW]
        if self._half_hour is None or not known:
            return self._table
        return self._table.with_visit(self._half_hour, {each.name: each.usual() for each in known})

    def expected_seconds(self, name: str, ids: int) -> float:
        """Return what an answer about ``ids`` takes in the mean; 0 before the first."""
        endpoint = self._endpoints.get(name)
        return 0.0 if endpoint is None or not endpoint.times.answers else endpoint.times.line.seconds(ids)

    def expected(self) -> tuple[EndpointCost, ...]:
        """Return each endpoint's cost as most probable."""
        return tuple(endpoint.expected() for endpoint in self._known())

    def drawn(self, rng: random.Random) -> tuple[EndpointCost, ...]:
        """Return costs as probable as they are believed in."""
        return tuple(endpoint.drawn(rng) for endpoint in self._known())

    def shifted(self, deviations: float, size: int) -> tuple[EndpointCost, ...]:
        """Return costs that are so many standard deviations above the most probable, at ``size``."""
        return tuple(endpoint.shifted(deviations, size) for endpoint in self._known())

    def _known(self) -> list[_Endpoint]:
        return [endpoint for endpoint in self._endpoints.values() if endpoint.times.answers]

    def _begun(self, name: str) -> _Endpoint:
        endpoint = _Endpoint(name)
        usual = None if self._half_hour is None else self._table.usual(self._half_hour, name)
        if usual is not None:
            endpoint.suppose(usual, self._two_sizes, USUAL_ANSWERS)
        elif name in self._table.latest:
            endpoint.suppose(self._table.latest[name], self._two_sizes, LATEST_ANSWERS)
        return endpoint
