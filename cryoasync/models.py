"""The values that travel from stage to stage, one way: entries, chunks, results, batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EntryState(StrEnum):
    """What became of one entry of a run's input; the states of a run always add up to its entries."""

    PENDING = "pending"
    IMPORTED = "imported"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    FAILED = "failed"


class FailureKind(StrEnum):
    """Why a compound failed for good."""

    POISON = "poison"
    REJECTED_BY_DATABASE = "rejected_by_database"
    REJECTED_BY_RDKIT = "rejected_by_rdkit"
    SYNONYMS = "synonyms"
    DECODE = "decode"
    GONE = "gone"
    OTHER = "other"


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    FINISHED = "finished"


class Activity(StrEnum):
    """What a worker is doing."""

    IDLE = "idle"
    PAUSED = "paused"
    READING = "reading files"
    WAITING_FOR_PERMIT = "waiting for a permit"
    FETCHING = "fetching"
    BACKING_OFF = "backing off"
    HELD = "waiting for the source to recover"
    COMPUTING = "computing"
    DELIVERING = "waiting for the database"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrders:
    """How a user wants a run at work to be.

    Attributes:
        paused: whether no more chunks are begun.
        max_rate: requests a second at most, below what the policy allows.
        breaker_resets: how often the circuits were to be closed so far.
    """

    paused: bool = False
    max_rate: float | None = None
    breaker_resets: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what the column ``orders`` keeps."""
        return {
            "paused": self.paused,
            "max_rate": self.max_rate,
            "breaker_resets": self.breaker_resets,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Positions ``start`` (included) to ``stop`` (excluded) of a run's input."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One distinct identifier of a run's input."""

    position: int
    source_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The unit of work and of checkpointing.

    ``span`` covers every position the chunk settles, entries that need no work included. It is ``None`` for
    a chunk of entries that failed in an earlier start and are tried again: their positions are settled already.
    """

    number: int
    entries: tuple[Entry, ...]
    span: Span | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedTable:
    """A table that rows are merged into, and how.

    Attributes:
        name: the table; the staging table takes its column types from it.
        columns: the columns of each row, in the order of its values.
        key: the columns that identify a row; equal keys in one batch are settled by the last row.
        merge: statements run one after the other, each with ``{staging}`` where its FROM names the staged rows.
        schema: where the table is; empty for the first one on the search path.
        records_of: the source whose records of molecules the rows are, by the first column of the key;
            ``None`` where they are none.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    merge: tuple[str, ...]
    schema: str = "cryoasync"
    records_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row for one table, and the entry of the input that it came from."""

    table: StagedTable
    source_id: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A compound, or one part of it, that failed for good."""

    source_id: str
    kind: FailureKind
    message: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request, as the table ``requests`` keeps it."""

    endpoint: str
    span: Span
    first_id: str
    last_id: str
    ids: int
    sent_at: datetime
    seconds: float
    status: int | None
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryResult:
    """What became of one entry: its state, why, the rows it brought and the failures met on the way."""

    entry: Entry
    state: EntryState
    reason: str | None = None
    rows: tuple[Row, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """All entries of one chunk, settled, and the requests it took."""

    chunk: Chunk
    entries: tuple[EntryResult, ...]
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The chunk results that are committed in one transaction, checkpoint included."""

    results: Sequence[ChunkResult]
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Entries by state; ``requested`` is their sum."""

    imported: int = 0
    not_found: int = 0
    invalid: int = 0
    failed: int = 0
    pending: int = 0

    @property
    def requested(self) -> int:
        """Distinct entries of the input."""
        return self.imported + self.not_found + self.invalid + self.failed + self.pending


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """What one committed batch changed.

    ``counts`` are the run's new totals; ``rows`` the rows staged; ``refused`` the rows that the client's
    encoder or the server refused, which are in ``failures`` by now.
    """

    counts: RunCounts
    rows: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatistics:
    """What was written to the database.

    Attributes:
        rows: merged, whether they changed anything or not.
        bytes: of their values, estimated from a sample.
        batches: transactions committed, and ``seconds`` what they took, retries and waits included.
        retries: transactions that were begun again.
        refused: rows that the database did not take.
        batch_rows: the size at which a batch is committed now.
        p50_seconds: what half of the latest batches took at most; so for 95 and 99 of a hundred.
    """

    rows: int = 0
    bytes: int = 0
    batches: int = 0
    seconds: float = 0.0
    retries: int = 0
    refused: int = 0
    batch_rows: int = 0
    p50_seconds: float = 0.0
    p95_seconds: float = 0.0
    p99_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """What makes two commands the same run (see :meth:`key`), and what is told about it.

    ``settings`` are those that change rows; ``input_digest`` is the SHA-256 of the normalised id list.
    """

    source: str
    base_url: str
    input_digest: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
