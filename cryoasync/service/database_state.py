"""How a run at work stands with its database: its connections, what is in between, and whether it must pause."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from cryoasync.database.connection import Database
from cryoasync.database.pooler import Pooler
from cryoasync.models import WriteStatistics
from cryoasync.pipeline.database_breaker import DatabaseBreaker

_POOLERS = {
    Pooler.SESSION: "A pooler in session mode stands between here and the database.",
    Pooler.TRANSACTION: (
        "A pooler in transaction mode stands between here and the database: statements are not prepared, and"
        " the run is held by its heartbeat."
    ),
}


def database_state(database: Database, breaker: DatabaseBreaker, writes: WriteStatistics) -> dict[str, Any]:
    """Return what ``status`` shows of the database of a run at work, as JSON values."""
    pause = breaker.state()
    return {
        "pooler": database.pooler,
        "pause": {"lasts": pause.is_open, "times": pause.openings, "seconds": pause.open_seconds},
        "pool": database.pool.get_stats().to_json(),
        "writes": asdict(writes),
    }


def connections_in_words(state: Mapping[str, Any]) -> str:
    """Return how many connections there are, and how many are wanted."""
    pool = state["pool"]
    size = f"{pool['size']} connections (of {pool['minimum']} to {pool['maximum']})"
    return f"{size}, {pool['in_use']} in use, {pool['waiting']} waited for"


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
    if state["writes"]["batches"]:
        yield _writes_in_words(state["writes"])
    for leak in pool["leaks"]:
        yield f"{leak['holder']} has had a connection for {leak['seconds']:.0f} s."


def _writes_in_words(writes: Mapping[str, Any]) -> str:
    rate = writes["rows"] / writes["seconds"] if writes["seconds"] else 0.0
    again = f", {writes['retries']:,} of them begun again" if writes["retries"] else ""
    size = f"{writes['rows']:,} rows ({writes['bytes'] / 1e6:,.1f} MB)"
    half, most = _milliseconds(writes["p50_seconds"]), _milliseconds(writes["p95_seconds"])
    return (
        f"Written are {size} in {writes['batches']:,} batches{again}: {rate:,.0f} rows a second of writing. Half of the"
        f" batches took less than {half}, all but 5 % less than {most}; one has up to {writes['batch_rows']:,} rows."
    )


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))} ms"
