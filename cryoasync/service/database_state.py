"""How a run at work stands with its database: its connections, what is in between, and whether it must pause."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.pooler import Pooler
from cryoasync.pipeline.database_breaker import DatabaseBreaker

_POOLERS = {
    Pooler.SESSION: "A pooler in session mode stands between here and the database.",
    Pooler.TRANSACTION: (
        "A pooler in transaction mode stands between here and the database: statements are not prepared, and"
        " the run is held by its heartbeat."
    ),
}


def database_state(database: Database, breaker: DatabaseBreaker) -> dict[str, Any]:
    """Return what ``status`` shows of the database of a run at work, as JSON values."""
    pause = breaker.state()
    return {
        "pooler": database.pooler,
        "pause": {"lasts": pause.is_open, "times": pause.openings, "seconds": pause.open_seconds},
        "pool": database.pool.get_stats().to_json(),
    }


def connections_in_words(state: Mapping[str, Any]) -> str:
    """Return how many connections there are, and how many are wanted."""
    pool = state["pool"]
    bounds = f"{pool['size']} of {pool['minimum']} to {pool['maximum']} connections"
    return f"{bounds}, {pool['in_use']} in use, {pool['waiting']} waited for"


def database_sentences(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on the database of a run at work."""
    pause, pool = state["pause"], state["pool"]
    if pause["lasts"]:
        yield "The database is out of reach or slow: nothing is fetched until it has caught up."
    elif pause["times"]:
        yield f"Because of the database fetching paused {pause['times']} times, for {pause['seconds']:.0f} s in all."
    if state["pooler"] in _POOLERS:
        yield _POOLERS[Pooler(state["pooler"])]
    yield (
        f"To the database there are {connections_in_words(state)}; half of those who wanted one waited less than"
        f" {_milliseconds(pool['wait_p50_seconds'])}, all but 1 % less than {_milliseconds(pool['wait_p99_seconds'])}."
    )
    for leak in pool["leaks"]:
        yield f"{leak['holder']} has had a connection for {leak['seconds']:.0f} s."


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))} ms"
