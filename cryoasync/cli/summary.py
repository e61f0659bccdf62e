"""The summary of a run for people."""

from rich.table import Table

from cryoasync.cli.output import print_text
from cryoasync.service.summary import Summary
from cryoasync.service.trouble_words import recovery_words


def print_summary(summary: Summary) -> None:
    """Print what a start of a run came to."""
    counts = summary.counts
    table = Table(box=None, show_header=False, pad_edge=False)
    title = f"run {summary.run_id}" + (f" ({summary.name})" if summary.name else "")
    table.add_row(title, f"{summary.source}, {summary.status}")
    table.add_row("requested", f"{counts.requested:,} ({summary.duplicates:,} duplicates left out)")
    already = f" ({summary.already_done:,} of them before this start)" if summary.already_done else ""
    table.add_row("imported", f"{counts.imported:,}{already}")
    table.add_row("not found", f"{counts.not_found:,}")
    table.add_row("invalid", f"{counts.invalid:,}")
    table.add_row("failed", f"{counts.failed:,}")
    table.add_row("pending", f"{counts.pending:,}")
    if summary.failures or counts.failed:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.failures.items())
        table.add_row("failures", f"{kinds or 'of earlier starts'}, see `cryoasync failures list`")
    traffic = summary.traffic
    rate = f"{traffic.requests / summary.work_seconds:.2f} a second" if summary.work_seconds else "none sent"
    table.add_row("requests", f"{traffic.requests:,} ({rate}), {traffic.retries:,} retries")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in traffic.errors.most_common())
    recovered = f", {traffic.recovered.total():,} recovered: {kinds}" if kinds else ""
    table.add_row("errors", f"{traffic.errors.total():,}{recovered}")
    for category, record in summary.troubles.items():
        table.add_row("", f"{category.replace('_', ' ')}: {recovery_words(record)}")
    writes = summary.database
    table.add_row(
        "database",
        f"{writes.rows:,} rows in {writes.batches:,} batches of up to {writes.batch_rows:,}, {writes.seconds:.1f} s;"
        f" {summary.rdkit_filled:,} computed by RDKit",
    )
    table.add_row(
        "time", f"{summary.elapsed_seconds:.1f} s, {summary.compounds_per_minute:,.0f} compounds a minute"
    )
    print_text(table)
