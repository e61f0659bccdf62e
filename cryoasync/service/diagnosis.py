"""What a run's time goes to, and what therefore limits it, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryoasync.models import Activity
from cryoasync.service.chunk_words import chunk_sentences, concurrency_sentences
from cryoasync.service.database_state import database_sentences
from cryoasync.service.rate_words import rate_sentences
from cryoasync.service.trouble_words import circuit_words, trouble_words

_LIMITS = {
    Activity.WAITING_FOR_PERMIT: "The source's policy is the limit: more workers will not help.",
    Activity.READING: "Reading the files is the limit: it is done by one processor.",
    Activity.FETCHING: (
        "The source's answers are the limit: more workers (--workers) help until the policy's rate is reached."
    ),
    Activity.BACKING_OFF: "Errors of the source are the limit: the workers wait before they try again.",
    Activity.HELD: "The source is down: single requests try from time to time, and the workers wait.",
    Activity.COMPUTING: "RDKit is the limit: give it more processes (run.rdkit_workers), or --rdkit off.",
    Activity.DELIVERING: "The database is the limit: the workers wait until their results are committed.",
    Activity.PAUSED: "The workers are held back by `cryoasync ctl pause`.",
    Activity.IDLE: "The workers have nothing to do: the run is about to end, or the list is short.",
}
_ENDINGS = {
    "finished": "The run is finished.",
    "stopped": "The run was stopped; the same command goes on where it was.",
    "paused": "The run paused because of an error; the same command goes on where it was.",
    "interrupted": "The run's process ended without a word; the same command goes on where it was.",
    "running": "The run's process has not been heard of for a while.",
}


def diagnosis(standing: str, live: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield sentences on a run.

    Args:
        standing: the run's status, or ``interrupted``.
        live: what the process at work says of itself; ``None`` where nobody is at work.
    """
    if live is None:
        yield _ENDINGS[standing]
        return
    if live.get("control", {}).get("paused"):
        rest = "nothing is in hand" if live["control"]["drained"] else "what is in hand is finished first"
        yield f"The run is paused, {rest}: `cryoasync ctl resume` goes on."
    if "database" in live:
        yield from database_sentences(live["database"])
    if live["held_seconds"] > 0:
        yield f"The source asked to be left alone: nothing goes out for {live['held_seconds']:.0f} s more."
    yield from circuit_words(live.get("circuits", {}))
    yield from rate_sentences(live)
    if "concurrency" in live:
        yield from concurrency_sentences(live["concurrency"])
    if "chunk" in live:
        yield from chunk_sentences(live["chunk"])
    shares = sorted(live["time_shares"].items(), key=lambda share: -share[1])
    if not shares:
        yield "The run has just begun."
        return
    parts = ", ".join(f"{activity} {share:.0%}" for activity, share in shares if share >= 0.005)
    yield f"The workers' time goes to: {parts}."
    yield _LIMITS[Activity(shares[0][0])]
    if live["policy_rate"]:
        yield f"{live['request_rate']:.2f} requests a second of {live['policy_rate']:g} allowed."
    if "troubles" in live:
        yield from trouble_words(live["troubles"])
