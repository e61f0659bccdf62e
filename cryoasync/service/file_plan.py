"""What an import of files will bring, counted without a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryoasync.service.file_run import files_named
from cryoasync.settings import Settings
from cryoasync.sources.files.models import ChemblDump, FileRecord, PubChemDump, Unreadable
from cryoasync.sources.files.processor import SOURCE

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """The records of some files.

    Attributes:
        paths: of the files.
        own: records of the user's own.
        dumped: compounds of PubChem's own files.
        of_chembl: molecules of ChEMBL's own files.
        unreadable: records that cannot be read; what is lost of a damaged file counts as one.
        examples: the first of those, with place and reason.
    """

    paths: tuple[Path, ...]
    own: int
    dumped: int
    of_chembl: int
    unreadable: int
    examples: tuple[str, ...]

    @property
    def requested(self) -> int:
        """All records."""
        return self.valid + self.unreadable

    @property
    def valid(self) -> int:
        """Those that can be read."""
        return self.own + self.dumped + self.of_chembl

    def to_json(self) -> dict[str, Any]:
        """Return what ``plan files --json`` prints: as for other sources, where each key means the same."""
        return {
            "source": SOURCE,
            "files": [str(path) for path in self.paths],
            "requested": self.requested,
            "valid": self.valid,
            "invalid": self.unreadable,
            "duplicates": 0,
            "own_records": self.own,
            "pubchem_compounds": self.dumped,
            "chembl_molecules": self.of_chembl,
            "invalid_examples": list(self.examples),
            "requests": 0,
            "shortest_seconds": 0.0,
            "advice": [],
        }


def plan_files(settings: Settings, words: Sequence[str]) -> FilePlan:
    """Read the files that ``words`` name, and count; nothing is written.

    Raises:
        InputError: one cannot be imported.
    """
    files = files_named(words, settings)
    own = dumped = of_chembl = unreadable = 0
    examples: list[str] = []
    for item in files.items():
        match item:
            case FileRecord():
                own += 1
            case PubChemDump():
                dumped += 1
            case ChemblDump():
                of_chembl += 1
            case Unreadable():
                unreadable += 1
                if len(examples) < EXAMPLES:
                    examples.append(item.told_reason)
    return FilePlan(
        paths=files.paths,
        own=own,
        dumped=dumped,
        of_chembl=of_chembl,
        unreadable=unreadable,
        examples=tuple(examples),
    )
