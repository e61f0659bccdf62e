"""What a run says of the sizes of its chunks, and of the requests under way, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryoasync.control.chunks.chunk_choice import Limit

MOST_PROMISES = 5

_LIMITS = {
    Limit.RATE: "The rate of requests is the limit: a larger chunk would bring more, if it may be larger.",
    Limit.RUNNING_TIME: "The source's running time is the limit: fewer and larger requests bring hardly more.",
    Limit.HAZARD: "Failures are the limit: larger chunks fail too often.",
    Limit.TIMEOUT: "Time is the limit: larger chunks may take longer than the source works on one.",
    Limit.CEILING: "The source is the limit: it takes no larger chunks.",
}


def chunk_sentences(chunk: Mapping[str, Any]) -> Iterator[str]:
    """Yield why chunks have their size."""
    size, best = chunk["size"], chunk["best"]
    if chunk["limit"] is None:
        yield f"Chunks of {size}: too few answers are known to choose by."
        return
    told = f"Chunks of {size}"
    if size != best:
        told += f", to learn: {best} seems best"
    promises = sorted(chunk["considered"], key=lambda promise: -promise["per_second"])
    shown = ", ".join(
        f"{promise['size']} brings {promise['per_second']:.0f} a second"
        f" ({promise['low']:.0f} to {promise['high']:.0f})"
        for promise in promises[:MOST_PROMISES]
    )
    rest = len(promises) - MOST_PROMISES
    further = f", {rest} other sizes less" if rest > 0 else ""
    yield f"{told}. Of compounds {shown}{further}."
    yield _LIMITS[Limit(chunk["limit"])]


def concurrency_sentences(under_way: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many requests a source without a quota is asked at a time."""
    told = f"{under_way['under_way']} requests under way of {under_way['limit']}, which seem to bring most"
    if under_way["tried"] is not None:
        told += f"; {under_way['tried']} are tried beside"
    yield f"{told}. Answers take {under_way['residual']:.2f} times the usual."
    if under_way["refused"]:
        yield f"Refusals and lost requests that made them fewer: {under_way['refused']}."
