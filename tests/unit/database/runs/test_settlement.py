"""What a batch changes in the books."""

import pytest

from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.database.runs.settlement import RefusedRow, settlement_of
from cryoasync.models import (
    Batch,
    Chunk,
    ChunkResult,
    Entry,
    EntryResult,
    EntryState,
    Failure,
    FailureKind,
    Row,
    RunCounts,
    Span,
    StagedTable,
)
from cryoasync.sources.pubchem.table import PUBCHEM_COMPOUNDS


def result(position: int, state: EntryState, failure: FailureKind | None = None) -> EntryResult:
    """An entry whose id is its position."""
    failures = (
        [] if failure is None else [Failure(source_id=str(position), kind=failure, message="no", attempts=1)]
    )
    return EntryResult(
        entry=Entry(position=position, source_id=str(position)), state=state, failures=tuple(failures)
    )


def chunk(*results: EntryResult, retried: bool = False) -> ChunkResult:
    """A chunk of consecutive entries."""
    entries = tuple(each.entry for each in results)
    span = None if retried else Span(start=entries[0].position, stop=entries[-1].position + 1)
    return ChunkResult(chunk=Chunk(number=1, entries=entries, span=span), entries=results)


def refused(table: StagedTable, position: int) -> RefusedRow:
    """A row that was not taken."""
    return RefusedRow(Row(table=table, source_id=str(position), values=()), "too long")


BATCH = Batch(
    results=[
        chunk(result(7, EntryState.FAILED, FailureKind.POISON), result(8, EntryState.IMPORTED), retried=True),
        chunk(result(0, EntryState.IMPORTED), result(1, EntryState.NOT_FOUND)),
        chunk(result(2, EntryState.FAILED, FailureKind.POISON)),
    ]
)


def test_every_entry_of_a_first_commit_moves() -> None:
    """New ones leave pending, retried ones leave failed."""
    settlement = settlement_of(BATCH, [], spans_settled_before=[False, False], failed_before={7, 8})
    assert settlement.moved() == RunCounts(imported=2, not_found=1, failed=0, pending=-3)
    assert [each.entry.position for each in settlement.not_imported()] == [1, 2, 7]
    assert [each.entry.position for each in settlement.recovered()] == [8]
    assert {failure.source_id for failure in settlement.failures()} == {"2", "7"}


def test_nothing_of_a_repeated_commit_moves() -> None:
    """Neither counts, nor outcomes, nor failures."""
    settlement = settlement_of(BATCH, [], spans_settled_before=[True, True], failed_before=set())
    assert settlement.moved() == RunCounts()
    assert not settlement.not_imported()
    assert not settlement.failures()


@pytest.mark.parametrize(
    ("table", "state"),
    [(PUBCHEM_COMPOUNDS, EntryState.FAILED), (RDKIT_DESCRIPTORS, EntryState.IMPORTED)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_refused_row_is_a_failure_and_fails_the_entry_unless_it_was_computed(
    table: StagedTable, state: EntryState
) -> None:
    """The message names the table."""
    batch = Batch(results=[chunk(result(0, EntryState.IMPORTED))])
    settlement = settlement_of(batch, [refused(table, 0)], spans_settled_before=[False], failed_before=set())
    [settled] = settlement.fresh
    [failure] = settlement.failures()
    assert settled.state is state
    assert (failure.kind, failure.message) == (FailureKind.REJECTED_BY_DATABASE, f"{table.name}: too long")


def test_the_sum_of_what_moves_is_zero() -> None:
    """Entries are neither made nor lost."""
    settlement = settlement_of(BATCH, [], spans_settled_before=[True, False], failed_before={7})
    assert settlement.moved().requested == 0
