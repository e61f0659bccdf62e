"""What became of the rows of a bulk operation."""

from dataclasses import dataclass, replace

from cryoasync.database.bulk.batch_transaction import Merged, Refused

REFUSED_KEPT = 1000
"""Refused rows that a report tells of one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """What a bulk operation did.

    Attributes:
        rows: given and not refused; of equal keys in one batch only the last counts.
        changed: rows of the table that were inserted or updated.
        refused: rows that the encoder or the server did not take, by their place in all that were given, with
            what was said of them: at most ``REFUSED_KEPT``, of ``refused_rows``.
        batches: transactions.
    """

    rows: int = 0
    changed: int = 0
    refused: tuple[Refused, ...] = ()
    refused_rows: int = 0
    batches: int = 0

    def with_batch(self, merged: Merged, begun: int) -> "BulkReport":
        """Return the report with one more batch, before which so many rows were begun."""
        refused = tuple(replace(each, index=begun + each.index) for each in merged.refused)
        return BulkReport(
            rows=self.rows + merged.rows,
            changed=self.changed + merged.changed,
            refused=(self.refused + refused)[:REFUSED_KEPT],
            refused_rows=self.refused_rows + len(refused),
            batches=self.batches + 1,
        )
