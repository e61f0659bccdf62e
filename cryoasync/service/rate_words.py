"""What a run says of its rate, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryoasync.control.rate.rate_decision import Reason

_REASONS = {
    Reason.POLICY: "nothing speaks against the policy's own rate",
    Reason.BELIEF: "the answers speak for a lower limit",
    Reason.PROBE: "one request more than is believed in, to see whether the limit has risen",
    Reason.CAUTION: "two refusals within a minute, so no more than was let in just before",
    Reason.HEADER: "the source's headers say that its quota was cut",
}


def rate_sentences(live: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a run at work says of its permits, and how the rate in force came to be."""
    if live.get("is_blocked"):
        yield "The source blocks this address: it is left alone, longer each time, and then asked by one request."
    permits = live.get("permits")
    if permits and permits["efficiency"] is not None:
        yield (
            f"Of the permits {permits['used']:,} were used, {permits['wasted']:,} wasted;"
            f" {permits['refused']:,} of the requests were refused: {permits['efficiency']:.1%} came through."
        )
    if permits and permits["ceiling"] is not None:
        yield f"No more than {permits['ceiling']:g} requests a second since `cryoasync ctl rate`."
    if permits and permits["source_says"]:
        said = ", ".join(f"{name} {percent}%" for name, percent in sorted(permits["source_says"].items()))
        yield f"The source says of its quotas (the worst of a minute): {said}."
    rate = live.get("rate")
    if rate is not None:
        yield from _of_decisions(rate)


def _of_decisions(rate: Mapping[str, Any]) -> Iterator[str]:
    if rate["pace"] is not None:
        yield f"The cautious pace binds: {rate['pace']}."
    beliefs = ", ".join(
        f"{limit} a second {probability:.0%}"
        for limit, probability in enumerate(rate["expected"])
        if probability >= 0.01
    )
    yield f"{rate['rate']} requests in a second: {_REASONS[Reason(rate['reason'])]}. Believed limits: {beliefs}."
    if rate["minute_limit"] is not None:
        yield f"{rate['minute_limit']} requests in a minute: refusals that no second explains began there."
    if rate["running_limit_seconds"] is not None:
        yield f"{rate['running_limit_seconds']:.0f} s of running time in a minute: refusals began there."
    if rate["failure_rate"] >= 0.01:
        yield f"{rate['failure_rate']:.0%} of the requests seem to be refused by chance."
    for change in reversed(rate["changes"][:-1]):
        yield f"{change['seconds_ago']:.0f} s ago it was {change['rate']} ({change['reason']})."
