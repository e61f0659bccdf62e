"""What a file of structures holds, record by record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

ColumnValue: TypeAlias = str | int | float | None


def place(file: str, record: int) -> str:
    """Return the id that a record has by where it stands."""
    return f"{file}#{record}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One record of a user's own file, as it stands there.

    Attributes:
        file: the path of the file.
        record: counts the records of an SDF file from 1; in a SMILES file, the number of the line.
        source_id: what the file calls the record; ``None`` where it gives no name.
        smiles: as written; ``None`` in SDF.
        molfile: up to and with ``M  END``; ``None`` in a SMILES file.
        fields: the data fields or further columns, in their order; a repeated field has one value a line.
    """

    file: str
    record: int
    source_id: str | None
    smiles: str | None
    molfile: str | None
    fields: Mapping[str, str]

    @property
    def entry_id(self) -> str:
        """What the record is called in a run: files may use one name twice, or one that others use too."""
        return place(self.file, self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class PubChemDump:
    """One compound of PubChem's own SDF files.

    Attributes:
        columns: columns of ``pubchem_compounds``, masses as text with the digits that PubChem gave. Holds
            every column that the files have a tag for, ``None`` where this record lacks it, and no other:
            they say nothing of titles and synonyms.
    """

    file: str
    record: int
    cid: int
    columns: Mapping[str, ColumnValue]

    @property
    def entry_id(self) -> str:
        """What the record is called in a run: as where PubChem is asked for it."""
        return str(self.cid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChemblDump:
    """One molecule of ChEMBL's own files: its SDF has a molfile, its table of representations the rest.

    Attributes:
        columns: those columns of ``chembl_molecules`` that this file gives, ``extra`` among them.
        molfile: up to and with ``M  END``; ``None`` in the table.
    """

    file: str
    record: int
    chembl_id: str
    columns: Mapping[str, Any]
    molfile: str | None

    @property
    def entry_id(self) -> str:
        """What the record is called in a run: as where ChEMBL is asked for it."""
        return self.chembl_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that cannot be read, and why; the ones around it can.

    Attributes:
        ends_file: nothing behind it can be read either: the file itself is damaged there.
    """

    file: str
    record: int
    reason: str
    ends_file: bool = False

    @property
    def entry_id(self) -> str:
        """What the record is called in a run."""
        return place(self.file, self.record)

    @property
    def told_reason(self) -> str:
        """The reason, with the place it is about."""
        return f"{self.file}, record {self.record}: {self.reason}"


FileItem: TypeAlias = FileRecord | PubChemDump | ChemblDump | Unreadable
"""What stands at one place of a file."""
