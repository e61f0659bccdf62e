"""Turns a chunk of places into rows: what the files say there, and descriptors of the structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat
from cryoasync.chemistry.policy import can_fill
from cryoasync.chemistry.rows import descriptor_row
from cryoasync.errors import InputError
from cryoasync.models import (
    Activity,
    Chunk,
    ChunkResult,
    Entry,
    EntryResult,
    EntryState,
    Failure,
    FailureKind,
    Row,
)
from cryoasync.ports import ActivityReport, WallClock
from cryoasync.sources.equipment import DescriptorPool
from cryoasync.sources.files.collection import FilesDigest
from cryoasync.sources.files.models import ChemblDump, FileItem, FileRecord, PubChemDump, Unreadable
from cryoasync.sources.files.record_reader import RecordReader
from cryoasync.sources.files.table import CHEMBL_VALUES, DUMPED_COMPOUNDS, DUMPED_MOLECULES, FILE_RECORDS
from cryoasync.sources.pubchem.table import FILE_COLUMNS

SOURCE = "files"
_PUBCHEM = "pubchem"
_CHEMBL = "chembl"
_DECIMALS = frozenset({"molecular_weight", "exact_mass", "monoisotopic_mass"})

_COMPUTED_TOGETHER = 20
"""Structures handed to RDKit at once: each may take its time limit, and a worker must show itself meanwhile."""

Outcome = Descriptors | Rejected | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImportOptions:
    """How one run imports files.

    Attributes:
        run_id: written to each row.
        digest: of the files; the time of a file is when the source said what its own dump says.
        compute_all: whether descriptors are computed for every compound of a dump, not only where they fill a gap.
    """

    run_id: int
    digest: FilesDigest
    compute_all: bool


class FilesProcessor:
    """The :class:`~cryoasync.ports.ChunkProcessor` of files."""

    def __init__(
        self,
        reader: RecordReader,
        pool: DescriptorPool | None,
        options: FileImportOptions,
        *,
        wall_clock: WallClock,
    ) -> None:
        """Compute descriptors in ``pool``, none where it is ``None``."""
        self._reader = reader
        self._pool = pool
        self._options = options
        self._wall_clock = wall_clock

    async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
        """Settle every entry of ``chunk``.

        Raises:
            InputError: the files were written to since the run began, or are read differently than then.
        """
        report(Activity.READING)
        items = await self._reader.take([entry.position for entry in chunk.entries])
        if [item.entry_id for item in items] != [entry.source_id for entry in chunk.entries]:
            raise InputError(
                "The files are read differently than when the run was made.",
                hint="Start the run afresh with --restart.",
            )
        outcomes = await self._outcomes(items, report)
        return ChunkResult(
            chunk=chunk,
            entries=tuple(
                self._result(entry, item, outcomes.get(number))
                for number, (entry, item) in enumerate(zip(chunk.entries, items, strict=True))
            ),
        )

    async def _outcomes(self, items: Sequence[FileItem], report: ActivityReport) -> Mapping[int, Outcome]:
        """Return what RDKit makes of the items, by their number in the chunk."""
        if self._pool is None:
            return {}
        structures = (
            (number, structure)
            for number, item in enumerate(items)
            if (structure := self._structure(item)) is not None
        )
        outcomes: dict[int, Outcome] = {}
        while some := list(islice(structures, _COMPUTED_TOGETHER)):
            report(Activity.COMPUTING)
            described = await self._pool.describe([(items[number].entry_id, s) for number, s in some])
            # Told apart by their order: two dumps may hold the same compound.
            outcomes.update(zip((number for number, _ in some), (o for _, o in described), strict=True))
        return outcomes

    def _structure(self, item: FileItem) -> Structure | None:
        """Return what to compute from, where there is something to gain."""
        match item:
            case FileRecord(molfile=str(molfile)) | ChemblDump(molfile=str(molfile)):
                return Structure(format=StructureFormat.MOLBLOCK, text=molfile)
            case FileRecord(smiles=str(smiles)):
                return Structure(format=StructureFormat.SMILES, text=smiles)
            case ChemblDump(columns={"canonical_smiles": str(smiles)}):
                return Structure(format=StructureFormat.SMILES, text=smiles)
            case PubChemDump(columns={"smiles": str(smiles)}) if self._is_wanted(item):
                return Structure(format=StructureFormat.SMILES, text=smiles)
        return None

    def _is_wanted(self, dump: PubChemDump) -> bool:
        absent = [column for column, value in dump.columns.items() if value is None]
        return self._options.compute_all or can_fill(absent)

    def _result(self, entry: Entry, item: FileItem, outcome: Outcome) -> EntryResult:
        if isinstance(item, Unreadable):
            return EntryResult(entry=entry, state=EntryState.INVALID, reason=item.told_reason)
        rows = [self._row(item)]
        failures: tuple[Failure, ...] = ()
        match outcome:
            case Descriptors():
                rows.append(descriptor_row(_source_of(item), entry.source_id, outcome, self._wall_clock()))
            case Rejected(reason=reason):
                failures = (
                    Failure(
                        source_id=entry.source_id,
                        kind=FailureKind.REJECTED_BY_RDKIT,
                        message=reason,
                        attempts=1,
                    ),
                )
        return EntryResult(entry=entry, state=EntryState.IMPORTED, rows=tuple(rows), failures=failures)

    def _row(self, item: FileRecord | PubChemDump | ChemblDump) -> Row:
        run_id = self._options.run_id
        values: tuple[Any, ...]
        if isinstance(item, PubChemDump):
            columns = (_value(item, column) for column in FILE_COLUMNS)
            values = (item.cid, *columns, self._said_at(item.file), run_id)
            return Row(table=DUMPED_COMPOUNDS, source_id=item.entry_id, values=values)
        if isinstance(item, ChemblDump):
            columns = (item.columns.get(column) for column in CHEMBL_VALUES)
            values = (item.chembl_id, *columns, self._said_at(item.file), run_id)
            return Row(table=DUMPED_MOLECULES, source_id=item.entry_id, values=values)
        values = (
            item.file,
            item.record,
            item.source_id,
            item.smiles,
            item.molfile,
            dict(item.fields),
            run_id,
        )
        return Row(table=FILE_RECORDS, source_id=item.entry_id, values=values)

    def _said_at(self, file: str) -> datetime:
        # A file from the future would stand above every answer of PubChem until then.
        return min(self._options.digest.modified_at(file), self._wall_clock())


def _source_of(item: FileItem) -> str:
    match item:
        case PubChemDump():
            return _PUBCHEM
        case ChemblDump():
            return _CHEMBL
        case _:
            return SOURCE


def _value(dump: PubChemDump, column: str) -> Any:
    value = dump.columns[column]
    return Decimal(value) if column in _DECIMALS and isinstance(value, str) else value
