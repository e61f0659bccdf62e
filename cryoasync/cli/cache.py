"""``cryoasync cache``: the answers kept from earlier imports."""

import math
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError
from rich.table import Table
from rich.text import Text

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import Yes, confirm
from cryoasync.cli.durations import moment
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.cli.warm import warm
from cryoasync.errors import UsageError
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.http.cache_models import CachePart, CacheStatistics, PruneReport

app = typer.Typer(help="The answers kept from earlier imports.", no_args_is_help=True)

CACHE_OPTIONS = ("run.cache", "run.simulate")
"""The settings that say which cache is meant."""

_SECONDS_A_DAY = 86_400.0


@app.command()
@with_settings(*CACHE_OPTIONS)
async def stats(loaded: LoadedSettings, *, as_json: AsJson = False) -> int:
    """Show what the cache holds, and how often a look-up found what it asked for."""
    # The cache's library is not for --help.
    from cryoasync.service.cache_care import cache_file, kept_cache  # noqa: PLC0415 - see above

    path = str(cache_file(loaded))
    async with kept_cache(loaded, _note) as cache:
        found = None if cache is None else await cache.statistics()
    if as_json:
        print_json({"path": path, "exists": found is not None, **_statistics_json(found)})
    elif found is None:
        print_text(Text(f"There is no cache at {path} yet."))
    else:
        limit = _size(loaded.settings.run.cache_max_bytes)
        print_text(Text(f"{path}: {_size(found.file_bytes)} of at most {limit}"), _table(found))
    return 0


@app.command()
@with_settings(*CACHE_OPTIONS)
async def prune(
    loaded: LoadedSettings,
    *,
    max_bytes: Annotated[
        str | None,
        typer.Option("--max-bytes", metavar="SIZE", help="Shrink the file to this, as 500MB or 2GiB."),
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", metavar="DAYS", min=0, help="Remove answers older than this."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Remove answers that are too old, then those used longest ago until the file is small enough."""
    # The cache's library is not for --help.
    from cryoasync.http.cache_models import PruneReport  # noqa: PLC0415 - see above
    from cryoasync.service.cache_care import kept_cache  # noqa: PLC0415 - see above

    limits = _read_size(max_bytes), _read_age(max_age)
    if limits == (None, math.inf):
        raise UsageError(
            "Nothing says what to remove.", hint="Give --max-bytes SIZE, --max-age DAYS or both."
        )
    async with kept_cache(loaded, _note) as cache:
        report = (
            PruneReport()
            if cache is None
            else await cache.prune(now=time.time(), max_bytes=limits[0], max_age_seconds=limits[1])
        )
    return _tell_removed(loaded, report, as_json=as_json)


@app.command()
@with_settings(*CACHE_OPTIONS)
async def clear(
    loaded: LoadedSettings,
    *,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin", metavar="HOST", help="Only the answers of one host, as `cache stats` lists it."
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Remove all answers, or those of one host, and forget their hits and misses."""
    # The cache's library is not for --help.
    from cryoasync.http.cache_models import PruneReport  # noqa: PLC0415 - see above
    from cryoasync.service.cache_care import kept_cache, origins_meant  # noqa: PLC0415 - see above

    report = PruneReport()
    async with kept_cache(loaded, _note) as cache:
        if cache is not None:
            scopes = (await cache.statistics()).scopes
            known = [scope.origin for scope in scopes]
            meant = known if origin is None else origins_meant(origin, known)
            entries = sum(part.entries for scope, part in scopes.items() if scope.origin in meant)
            if entries and not yes:
                confirm(f"Remove {entries:,} answers of {', '.join(sorted(set(meant)))} from the cache?")
            for cleared in [None] if origin is None else meant:
                report += await cache.clear(cleared)
    return _tell_removed(loaded, report, as_json=as_json)


def _tell_removed(loaded: LoadedSettings, report: "PruneReport", *, as_json: bool) -> int:
    path = str(loaded.settings.response_cache)
    if as_json:
        print_json({"path": path, "removed": {"entries": report.entries, "bytes": report.bytes}})
    elif report.entries:
        print_text(Text(f"{report.entries:,} answers, {_size(report.bytes)}, are removed from {path}."))
    else:
        print_text(Text(f"There was nothing to remove from {path}."))
    return 0


def _statistics_json(found: "CacheStatistics | None") -> dict[str, Any]:
    from cryoasync.http.cache_models import CachePart  # noqa: PLC0415 - not for --help

    total, scopes = (CachePart(), {}) if found is None else (found.total, found.scopes)
    return {
        "file_bytes": 0 if found is None else found.file_bytes,
        **_part_json(total),
        "scopes": [
            {"origin": scope.origin, "endpoint": scope.endpoint, **_part_json(part)}
            for scope, part in scopes.items()
        ],
    }


def _part_json(part: "CachePart") -> dict[str, Any]:
    return {
        "entries": part.entries,
        "bytes": part.bytes,
        "hits": part.hits,
        "misses": part.misses,
        "hit_ratio": part.hit_ratio,
        "oldest": _time(part.oldest),
        "newest": _time(part.newest),
    }


def _table(found: "CacheStatistics") -> Table:
    titles = ("origin", "endpoint", "answers", "size", "hits", "misses", "found", "oldest", "newest")
    table = Table(*titles, box=None, pad_edge=False)
    for scope, part in found.scopes.items():
        name, _, properties = scope.endpoint.partition(":")
        kind = f"{name}, {properties.count(',') + 1} columns" if properties else name
        table.add_row(scope.origin, kind, *_cells(part))
    table.add_row("all", "", *_cells(found.total))
    return table


def _cells(part: "CachePart") -> Iterable[str]:
    yield from (f"{part.entries:,}", _size(part.bytes), f"{part.hits:,}", f"{part.misses:,}")
    yield "-" if part.hit_ratio is None else f"{part.hit_ratio:.1%}"
    yield from (moment(_time(part.oldest)), moment(_time(part.newest)))


def _time(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def _size(count: int) -> str:
    return ByteSize(count).human_readable(separator=" ")


def _read_size(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        raise UsageError(
            f"--max-bytes cannot be {text!r}.", hint="Write bytes, or a number with a unit: 500MB, 2GiB."
        ) from None


def _read_age(days: float | None) -> float:
    if days is None:
        return math.inf
    if not math.isfinite(days):
        raise UsageError(f"--max-age cannot be {days}.", hint="Write a number of days, as 30 or 0.5.")
    return days * _SECONDS_A_DAY


def _note(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


app.command()(warm)
