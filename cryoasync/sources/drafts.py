"""Entries on their way to a result, whatever the source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat
from cryoasync.models import Activity, Entry, EntryResult, EntryState, Failure, FailureKind, Row
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.fetch import Absent, Failed
from cryoasync.sources.equipment import DescriptorPool


@dataclass(slots=True)
class Draft:
    """One entry on its way to a result."""

    entry: Entry
    state: EntryState
    reason: str | None = None
    descriptors: Descriptors | None = None
    failures: tuple[Failure, ...] = ()

    def fail(self, kind: FailureKind, message: str, attempts: int) -> None:
        """Record a failure that leaves the entry failed."""
        self.state, self.reason = EntryState.FAILED, message
        self.note(kind, message, attempts)

    def note(self, kind: FailureKind, message: str, attempts: int) -> None:
        """Record a failure that leaves the entry as it is."""
        failure = Failure(source_id=self.entry.source_id, kind=kind, message=message, attempts=attempts)
        self.failures = (*self.failures, failure)

    def result(self, rows: Sequence[Row]) -> EntryResult:
        """Return the result, with the rows that the entry brought."""
        return EntryResult(
            entry=self.entry, state=self.state, reason=self.reason, rows=tuple(rows), failures=self.failures
        )


D = TypeVar("D", bound=Draft)


def unanswered(make: Callable[[Entry, EntryState], D], entry: Entry, answer: Absent | Failed) -> D:
    """Return the draft of an entry of which the source said nothing, or on which it failed."""
    match answer:
        case Absent(reason=reason):
            draft = make(entry, EntryState.NOT_FOUND)
            draft.reason = reason
        case Failed(kind=kind, message=message, attempts=attempts):
            draft = make(entry, EntryState.FAILED)
            draft.fail(kind, message, attempts)
    return draft


async def add_descriptors(
    pool: DescriptorPool, drafts: Sequence[Draft], smiles: Mapping[str, str], report: ActivityReport
) -> None:
    """Compute descriptors from ``smiles`` by source id, and add them to their drafts, or why there are none."""
    if not smiles:
        return
    report(Activity.COMPUTING)
    structures = [
        (source_id, Structure(format=StructureFormat.SMILES, text=text)) for source_id, text in smiles.items()
    ]
    outcomes = dict(await pool.describe(structures))
    for draft in drafts:
        match outcomes.get(draft.entry.source_id):
            case Descriptors() as descriptors:
                draft.descriptors = descriptors
            case Rejected(reason=reason):
                draft.note(FailureKind.REJECTED_BY_RDKIT, reason, 1)
