"""What a batch changes in the books of a run, decided before anything of it is written."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cryoasync.models import Batch, EntryResult, EntryState, Failure, FailureKind, Row, RunCounts

# Rows computed here: where the database refuses one, the compound is imported all the same.
_COMPUTED_TABLES = frozenset({"rdkit_descriptors"})


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that the client's encoder or the server refuses, and what was said."""

    row: Row
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The entries that a batch settles which were not settled before.

    Attributes:
        fresh: entries of the first time.
        retried: entries that failed in an earlier start.
    """

    fresh: Sequence[EntryResult]
    retried: Sequence[EntryResult]

    def moved(self) -> RunCounts:
        """Return what is added to each count of the run; the sum is 0."""
        states = [result.state for result in (*self.fresh, *self.retried)]
        return RunCounts(
            imported=states.count(EntryState.IMPORTED),
            not_found=states.count(EntryState.NOT_FOUND),
            invalid=states.count(EntryState.INVALID),
            failed=states.count(EntryState.FAILED) - len(self.retried),
            pending=-len(self.fresh),
        )

    def not_imported(self) -> list[EntryResult]:
        """Return the entries whose state and reason are kept."""
        return [result for result in (*self.fresh, *self.retried) if result.state is not EntryState.IMPORTED]

    def recovered(self) -> list[EntryResult]:
        """Return the entries that failed in an earlier start and are imported now."""
        return [result for result in self.retried if result.state is EntryState.IMPORTED]

    def failures(self) -> list[Failure]:
        """Return the failures, one for each compound and kind."""
        return list(
            {
                (failure.source_id, failure.kind): failure
                for result in (*self.fresh, *self.retried)
                for failure in result.failures
            }.values()
        )


def settlement_of(
    batch: Batch,
    refused: Iterable[RefusedRow],
    *,
    spans_settled_before: Sequence[bool],
    failed_before: Collection[int],
) -> Settlement:
    """Leave out what an earlier commit of the same batch has settled, and turn refused rows into failures.

    Args:
        batch: as it came from the pipeline.
        refused: its rows that the database did not take.
        spans_settled_before: for each chunk with a span, in order, whether the checkpoint held it already.
        failed_before: positions that failed in an earlier start and are still to be retried in this one.
    """
    refused_by_id: dict[str, list[RefusedRow]] = {}
    for refusal in refused:
        refused_by_id.setdefault(refusal.row.source_id, []).append(refusal)
    settled = iter(spans_settled_before)
    fresh: list[EntryResult] = []
    retried: list[EntryResult] = []
    for result in batch.results:
        if result.chunk.span is None:
            retried += [entry for entry in result.entries if entry.entry.position in failed_before]
        elif not next(settled):
            fresh += result.entries
    return Settlement(
        fresh=list(_with_refusals(fresh, refused_by_id)), retried=list(_with_refusals(retried, refused_by_id))
    )


def _with_refusals(
    results: Iterable[EntryResult], refused_by_id: Mapping[str, Sequence[RefusedRow]]
) -> Iterator[EntryResult]:
    for result in results:
        refusals = refused_by_id.get(result.entry.source_id)
        yield _refused(result, refusals) if refusals else result


def _refused(result: EntryResult, refusals: Sequence[RefusedRow]) -> EntryResult:
    failures = tuple(
        Failure(
            source_id=result.entry.source_id,
            kind=FailureKind.REJECTED_BY_DATABASE,
            message=f"{refusal.row.table.name}: {refusal.message}",
            attempts=1,
        )
        for refusal in refusals
    )
    result = replace(result, failures=result.failures + failures)
    if all(refusal.row.table.name in _COMPUTED_TABLES for refusal in refusals):
        return result
    return replace(result, state=EntryState.FAILED, reason=failures[0].message)
