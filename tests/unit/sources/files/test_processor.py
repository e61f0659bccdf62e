"""Chunks of places become rows, descriptors and failures."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat
from cryoasync.errors import InputError
from cryoasync.models import Activity, Chunk, ChunkResult, Entry, EntryState, Span
from cryoasync.sources.files.collection import StructureFiles
from cryoasync.sources.files.processor import FileImportOptions, FilesProcessor
from cryoasync.sources.files.record_reader import RecordReader
from tests.unit.sources.files.builders import dump, molblock, sdf, written
from tests.unit.sources.files.test_collection import digest_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Pool:
    """Rejects everything, with the structure as the reason, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[Structure]] = []

    async def describe(
        self, structures: Sequence[tuple[str, Structure]]
    ) -> list[tuple[str, Descriptors | Rejected]]:
        """Reject."""
        self.asked.append([structure for _, structure in structures])
        return [(key, Rejected(reason=structure.text)) for key, structure in structures]


async def processed(
    paths: Sequence[Path], pool: Pool | None, ids: Sequence[str] | None = None, *, compute_all: bool = True
) -> tuple[ChunkResult, list[Activity]]:
    """The result of one chunk of all that files hold, or of the entries of some ids, and what was reported."""
    files = StructureFiles(paths)
    digest = digest_of(files)
    ids = [item.entry_id for item in files.items()] if ids is None else ids
    entries = tuple(Entry(position=position, source_id=id_) for position, id_ in enumerate(ids))
    options = FileImportOptions(run_id=7, digest=digest, compute_all=compute_all)
    reported: list[Activity] = []
    async with RecordReader(files, digest) as reader:
        processor = FilesProcessor(reader, pool, options, wall_clock=lambda: NOW)
        chunk = Chunk(number=1, entries=entries, span=Span(start=0, stop=len(entries)))
        return await processor.process(chunk, reported.append), reported


async def test_structures_are_computed_from_what_the_file_gives(tmp_path: Path) -> None:
    """A molfile where there is one, and each outcome goes to its own record, also where two share an id."""
    a = written(tmp_path / "a.sdf", sdf("one", 2) + dump(962, "O") + dump(962, "[OH2]"))
    b = written(tmp_path / "b.smi", "CCO\n")
    result, _ = await processed([a, b], pool := Pool())
    assert pool.asked == [
        [
            Structure(format=StructureFormat.MOLBLOCK, text=molblock("one", 2)),
            Structure(format=StructureFormat.SMILES, text="O"),
            Structure(format=StructureFormat.SMILES, text="[OH2]"),
            Structure(format=StructureFormat.SMILES, text="CCO"),
        ]
    ]
    assert [entry.failures[0].message for entry in result.entries] == [
        molblock("one", 2),
        "O",
        "[OH2]",
        "CCO",
    ]
    assert [entry.state for entry in result.entries] == [EntryState.IMPORTED] * 4


async def test_a_worker_shows_itself_between_slow_molecules(tmp_path: Path) -> None:
    """A chunk of them may take longer than a worker may be silent."""
    path = written(tmp_path / "a.smi", "C\n" * 50)
    _, reported = await processed([path], pool := Pool())
    assert [len(asked) for asked in pool.asked] == [20, 20, 10]
    assert reported == [Activity.READING] + [Activity.COMPUTING] * 3


async def test_a_chunk_without_entries_is_a_result(tmp_path: Path) -> None:
    """Its span may hold nothing but records that cannot be read."""
    result, _ = await processed([written(tmp_path / "a.smi", "C\n")], Pool(), ids=[])
    assert result.entries == ()


async def test_nothing_to_compute_is_not_asked_for(tmp_path: Path) -> None:
    """Neither of a record that cannot be read, nor of a compound that lacks nothing RDKit could fill."""
    tags = ("TOTAL_CHARGE", "HEAVY_ATOM_COUNT", "MOLECULAR_WEIGHT", "MONOISOTOPIC_WEIGHT")
    texts = ("IUPAC_INCHI", "IUPAC_INCHIKEY", "MOLECULAR_FORMULA")
    full = dict.fromkeys((*tags, *texts), "1")
    path = written(tmp_path / "a.sdf", "broken\n$$$$\n" + dump(962, "O", **full))
    result, reported = await processed([path], pool := Pool(), compute_all=False)
    assert (pool.asked, reported) == ([], [Activity.READING])
    assert [entry.state for entry in result.entries] == [EntryState.INVALID, EntryState.IMPORTED]
    assert result.entries[0].reason == f"{path}, record 1: no line 'M  END'"


async def test_no_dump_is_of_the_future(tmp_path: Path) -> None:
    """Else a wrong clock would keep every later answer of PubChem out."""
    path = written(tmp_path / "a.sdf", dump(962, "O"), NOW + timedelta(days=400))
    result, _ = await processed([path], None)
    assert NOW in result.entries[0].rows[0].values


async def test_records_are_never_taken_for_others(tmp_path: Path) -> None:
    """Where the run knows another record at a place, its files are read differently than when it was made."""
    path = written(tmp_path / "a.smi", "C\nCC\n")
    with pytest.raises(InputError, match="read differently"):
        await processed([path], None, ids=[f"{path}#1", f"{path}#3"])
    with pytest.raises(InputError, match="read differently"):
        await processed([path], None, ids=[f"{path}#{n}" for n in range(1, 4)])
