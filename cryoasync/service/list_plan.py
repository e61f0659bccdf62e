"""What importing a list of a source's will take at most, before the source is asked how long it is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryoasync.service.list_run import require_no_ids
from cryoasync.service.plan import Cost, cost_of
from cryoasync.service.site import policy_at
from cryoasync.settings import Settings
from cryoasync.sources.registry import ListSource

LONG_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlan:
    """An import of a list before it begins.

    Attributes:
        source: its name.
        conditions: that are to be fulfilled; none for everything.
        most: compounds at most: as many as the source has in all.
        page_size: compounds in one request.
        requests_per_second: what is allowed over long times; infinite where nothing is set.
        cost: at most, when nothing goes wrong.
        advice: sentences.
    """

    source: str
    conditions: tuple[str, ...]
    most: int
    page_size: int
    requests_per_second: float
    cost: Cost
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what ``plan --json`` prints."""
        rate = self.requests_per_second
        return {
            "source": self.source,
            "conditions": list(self.conditions),
            "requested_at_most": self.most,
            "chunk_size": self.page_size,
            "requests_at_most": self.cost.requests,
            "shortest_seconds_at_most": self.cost.shortest_seconds,
            "requests_per_second": rate if math.isfinite(rate) else None,
            "advice": list(self.advice),
        }


def plan_list(settings: Settings, source: ListSource, words: Sequence[str]) -> ListPlan:
    """Count what importing the list takes at most; nobody is contacted and nothing is written.

    Raises:
        UsageError: ids are given, too, or there is no such scenario to simulate.
    """
    require_no_ids(words)
    limit, rate = settings.run.limit, policy_at(source, settings.run).requests_per_second
    most = source.most_listed if limit is None else min(limit, source.most_listed)
    cost = cost_of(math.ceil(most / source.list_page), rate)
    conditions = source.list_conditions
    return ListPlan(
        source=source.name,
        conditions=tuple(conditions),
        most=most,
        page_size=source.list_page,
        requests_per_second=rate,
        cost=cost,
        advice=tuple(_advice(conditions, cost)),
    )


def _advice(conditions: Sequence[str], cost: Cost) -> Iterator[str]:
    if conditions:
        yield "How many fulfil the conditions only the source knows; `run` asks it before it begins."
    if cost.shortest_seconds > LONG_SECONDS or not conditions:
        yield "A source's own dumps are the better way to all that it has."
    yield "The run can be stopped at any time; the same command goes on where it was stopped."
