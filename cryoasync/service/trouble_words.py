"""The circuits and troubles of a run at work, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

_HOST = "the source"


def circuit_words(circuits: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each circuit that is not closed, or was not in this start."""
    for endpoint, circuit in circuits.items():
        name = endpoint or _HOST
        seconds = circuit["seconds_by_state"]
        away = sum(spent for state, spent in seconds.items() if state != "closed")
        if circuit["state"] != "closed":
            changes = circuit["changes_in_seconds"]
            until = "until it is closed" if changes is None else f"for {max(0.0, changes):.0f} s more"
            yield f"The circuit of {name} is {_state(circuit)} {until}: {circuit['transitions'][-1]['evidence']}."
        if away:
            last = circuit["transitions"][-1]
            yield (
                f"The circuit of {name} was not closed for {away:.0f} of {sum(seconds.values()):.0f} s, and"
                f" {circuit['held']:,} requests waited; its last change was {last['seconds_ago']:.0f} s ago, from"
                f" {_state(last, 'before')} to {_state(last, 'after')}: {last['evidence']}."
            )


def trouble_words(troubles: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each kind of trouble met, and for each kind that is foretold."""
    for category, record in troubles["categories"].items():
        yield f"Met {_category(category)} {record['met']:,} times: {recovery_words(record)}."
    for endpoint, predictions in troubles["predictions"].items():
        for category, told in predictions.items():
            yield f"Compounds that are {_category(category)} at {endpoint}: {_prediction(told)}."
    if beyond := troubles["retries_beyond_budget"]:
        yield f"{beyond:,} retries let everybody else go first, since a tenth of the requests were retries already."


def recovery_words(record: Mapping[str, Any]) -> str:
    """Say what one kind of trouble cost, and how long it lasted."""
    parts = [f"{record['requests']:,} further requests"]
    if record["mean_recovery_seconds"] is not None:
        mean, longest = record["mean_recovery_seconds"], record["longest_recovery_seconds"]
        parts.append(f"over after {mean:.1f} s in the mean, {longest:.0f} s at most")
    return ", ".join(parts)


def _prediction(told: Mapping[str, Any]) -> str:
    parts = [f"{told['failed']:.0f} of {told['seen']:,.0f}"]
    if told["area_under_curve"] is not None:
        parts.append(f"told from the others with {told['area_under_curve']:.0%}")
    if told["precision"] is not None and told["recall"] is not None:
        parts.append(f"{told['recall']:.0%} foretold, {told['precision']:.1%} of the forecasts right")
    use = "used" if told["is_used"] else "not used"
    parts.append(
        f"{use} to divide bad batches, which saves {max(0.0, told['expected_gain']):.0%} of the requests"
    )
    return ", ".join(parts)


def _state(of: Mapping[str, Any], key: str = "state") -> str:
    return str(of[key]).replace("_", " ")


def _category(name: str) -> str:
    return name.replace("_", " ")
