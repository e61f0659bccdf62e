"""``cryoasync cache warm``: answers fetched now, for an import later."""

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cryoasync.cli.command import with_settings
from cryoasync.cli.durations import duration
from cryoasync.cli.import_options import Inputs
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import error_value, print_error, print_json, print_text
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.cache_warm import WarmOutcome

WARM_OPTIONS = (
    "run.cache",
    "run.simulate",
    "run.max_age_days",
    "run.refresh",
    "run.workers",
    "run.chunk_size",
    "run.sequential",
    "run.synonyms",
    "run.properties",
    "run.max_rate",
    "run.cautious",
    "run.limit",
    "run.patience_seconds",
    "run.scenario",
    "run.seed",
    "run.progress",
    "pubchem.base_url",
)
"""The settings of an import that say what is asked for, and how."""


@with_settings(*WARM_OPTIONS)
async def warm(loaded: LoadedSettings, inputs: Inputs = None, *, as_json: AsJson = False) -> int:
    """Fetch from PubChem what the cache lacks or has grown old, and write no compound: a later import reads it.

    The rate limits are those of an import, and shared with every other one.
    """
    # The service loads every library; the other commands should not pay for that.
    from cryoasync.cli.progress import display_for  # noqa: PLC0415 - see above
    from cryoasync.service.cache_warm import warm_cache  # noqa: PLC0415 - see above

    outcome = await warm_cache(loaded, inputs or [], display_for(loaded.settings.run.progress))
    if as_json:
        report = outcome.to_json()
        print_json(report if outcome.error is None else {**report, "error": error_value(outcome.error)})
        return outcome.exit_code
    print_text(_warm_table(outcome))
    if outcome.error is not None:
        print_error(outcome.error, as_json=False)
    return outcome.exit_code


def _warm_table(outcome: "WarmOutcome") -> Table:
    counts, traffic = outcome.counts, outcome.traffic
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("cache", Text(str(outcome.path)))
    table.add_row("requested", f"{counts.requested:,} ({outcome.duplicates:,} duplicates left out)")
    table.add_row("at hand", f"{outcome.at_hand:,}")
    table.add_row("fetched", f"{outcome.fetched:,}")
    for state in ("not_found", "invalid", "failed", "pending"):
        table.add_row(state.replace("_", " "), f"{getattr(counts, state):,}")
    for failure in outcome.failures:
        table.add_row("", Text(f"{failure.source_id}: {failure.kind}, {failure.message}"))
    if counts.failed > len(outcome.failures):
        table.add_row("", "…")
    table.add_row("requests", f"{traffic.requests:,}, {traffic.retries:,} of them retries")
    table.add_row("time", duration(outcome.elapsed_seconds))
    if outcome.is_full:
        table.add_row(
            "full",
            "The cache is at its limit (run.cache_max_bytes): what is new takes the room of what is old.",
        )
    return table
