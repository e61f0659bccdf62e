"""Files of structures, whatever their format, as one stream of records."""

from collections.abc import Iterator
from pathlib import Path

from cryoasync.errors import InputError
from cryoasync.sources.chembl.records import without_tail
from cryoasync.sources.files.dialect import (
    UnusableValueError,
    chembl_sdf_columns,
    chembl_sdf_id,
    chembl_table_id,
    is_pubchem_dump,
    pubchem_columns,
)
from cryoasync.sources.files.models import ChemblDump, FileItem, FileRecord, PubChemDump, Unreadable
from cryoasync.sources.files.sdf import BrokenSdfRecord, SdfRecord, read_sdf
from cryoasync.sources.files.smiles import BrokenSmilesLine, SmilesRecord, read_smiles
from cryoasync.sources.text import open_lines

_SDF_SUFFIXES = (".sdf", ".sd", ".mol")
_SMILES_SUFFIXES = (".smi", ".smiles", ".txt", ".csv", ".tsv")


def read_file(path: Path, *, id_tag: str | None = None) -> Iterator[FileItem]:
    """Yield what a file of structures holds, in its order and in memory that does not grow with it.

    The name tells the format (``.gz`` behind it is allowed), the tags tell PubChem's own files and ChEMBL's.

    Args:
        path: the file.
        id_tag: the SDF tag or column that names a record; where it is not given, the molblock's title line or
            the name behind the SMILES.

    Raises:
        InputError: the name tells no known format, or the file cannot be read (any more).
    """
    suffix = require_known_format(path)
    with open_lines(path) as lines:
        if suffix in _SDF_SUFFIXES:
            for sdf_record in read_sdf(lines):
                yield _from_sdf(str(path), sdf_record, id_tag)
        else:
            for smiles_record in read_smiles(lines, name_column=id_tag):
                yield _from_smiles(str(path), smiles_record)


def require_known_format(path: Path) -> str:
    """Return the ending that tells the format of a file.

    Raises:
        InputError: the name tells no known format.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in (*_SDF_SUFFIXES, *_SMILES_SUFFIXES):
        raise InputError(
            f"{path} is neither SDF nor SMILES by its name.",
            hint=f"Name it with one of {', '.join((*_SDF_SUFFIXES, *_SMILES_SUFFIXES))} (.gz may follow).",
        )
    return suffix


def _from_sdf(file: str, record: SdfRecord | BrokenSdfRecord, id_tag: str | None) -> FileItem:
    if isinstance(record, BrokenSdfRecord):
        return Unreadable(file=file, record=record.number, reason=record.reason)
    if is_pubchem_dump(record.fields):
        return _from_pubchem(file, record)
    chembl_id = chembl_sdf_id(record.fields)
    if chembl_id is not None:
        molfile = without_tail(record.molblock)
        return ChemblDump(
            file=file,
            record=record.number,
            chembl_id=chembl_id,
            columns=chembl_sdf_columns(record.fields, molfile),
            molfile=molfile,
        )
    name = record.title if id_tag is None else record.fields.get(id_tag, "").strip()
    return FileRecord(
        file=file,
        record=record.number,
        source_id=name or None,
        smiles=None,
        molfile=record.molblock,
        fields=record.fields,
    )


def _from_pubchem(file: str, record: SdfRecord) -> PubChemDump | Unreadable:
    try:
        cid, columns = pubchem_columns(record.fields)
    except UnusableValueError as error:
        return Unreadable(file=file, record=record.number, reason=str(error))
    return PubChemDump(file=file, record=record.number, cid=cid, columns=columns)


def _from_smiles(file: str, record: SmilesRecord | BrokenSmilesLine) -> FileItem:
    if isinstance(record, BrokenSmilesLine):
        return Unreadable(file=file, record=record.line, reason=record.reason)
    chembl_id = chembl_table_id(record.name, record.fields)
    if chembl_id is not None:
        return ChemblDump(
            file=file,
            record=record.line,
            chembl_id=chembl_id,
            columns={"canonical_smiles": record.smiles, **record.fields},
            molfile=None,
        )
    return FileRecord(
        file=file,
        record=record.line,
        source_id=record.name,
        smiles=record.smiles,
        molfile=None,
        fields=record.fields,
    )
