"""Files of structures as one stream of records."""

import gzip
from pathlib import Path

import pytest

from cryoasync.errors import InputError
from cryoasync.sources.files.models import ChemblDump, FileItem, FileRecord, PubChemDump, Unreadable
from cryoasync.sources.files.reader import read_file

MOLBLOCK = """methane
  by hand

  1  0  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
M  END
"""
OWN = f"{MOLBLOCK}> <CODE>\nM-1\n\n$$$$\n"
DUMP = f"{MOLBLOCK}> <PUBCHEM_COMPOUND_CID>\n297\n\n> <PUBCHEM_SMILES>\nC\n\n$$$$\n"


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_an_own_record_is_kept_as_it_stands(tmp_path: Path) -> None:
    """The title line names it, the molfile ends at M  END."""
    path = written(tmp_path / "own.sdf", OWN)
    assert list(read_file(path)) == [
        FileRecord(
            file=str(path),
            record=1,
            source_id="methane",
            smiles=None,
            molfile=MOLBLOCK,
            fields={"CODE": "M-1"},
        )
    ]


def test_the_chosen_tag_names_the_record(tmp_path: Path) -> None:
    """A record without that tag has no name, rather than one of another kind."""
    path = written(tmp_path / "own.sdf", OWN + OWN.replace("CODE", "OTHER"))
    names = [record.source_id for record in read_file(path, id_tag="CODE") if isinstance(record, FileRecord)]
    assert names == ["M-1", None]


def test_dumps_own_and_broken_records_may_share_a_file(tmp_path: Path) -> None:
    """Each record is told by itself; a broken one is a value with its number."""
    broken_dump = DUMP.replace("297", "-3")
    path = written(tmp_path / "mixed.sdf", OWN + DUMP + "rubbish\n$$$$\n" + broken_dump + OWN)
    own, dump, rubbish, bad_cid, last = read_file(path)
    assert isinstance(own, FileRecord)
    assert isinstance(dump, PubChemDump)
    assert (dump.cid, dump.columns["smiles"], dump.record) == (297, "C", 2)
    assert rubbish == Unreadable(file=str(path), record=3, reason="no line 'M  END'")
    assert bad_cid == Unreadable(file=str(path), record=4, reason="PUBCHEM_COMPOUND_CID is negative")
    assert last.record == 5


CHEMBL_FIELDS = "> <chembl_id>\nCHEMBL17564\n\n> <chembl_pref_name>\nNone\n\n"
TABLE = "chembl_id\tcanonical_smiles\tstandard_inchi\tstandard_inchi_key\n"


def test_chembls_own_records_are_known_by_their_tags(tmp_path: Path) -> None:
    """By all of them: with a tag or a column of the user's it is the user's record, and nothing of it is lost."""
    ours = f"{MOLBLOCK}{CHEMBL_FIELDS}$$$$\n"
    named = ours.replace("None", "METHANE").replace("$$$$", "> <chebi_id>\n16183\n\n$$$$")
    with_more = ours.replace("$$$$", "> <IC50>\n3\n\n$$$$")
    path = written(tmp_path / "a.sdf", ours + named + with_more + ours.replace("CHEMBL17564", "C-1"))
    first, second, *others = read_file(path)
    molfile = MOLBLOCK.removesuffix("\n")
    extra = {"molecule_structures": {"molfile": molfile}}
    assert first == ChemblDump(
        file=str(path),
        record=1,
        chembl_id="CHEMBL17564",
        columns={"pref_name": None, "extra": extra},
        molfile=molfile,
    )
    assert isinstance(second, ChemblDump)
    assert second.columns == {"pref_name": "METHANE", "extra": {**extra, "chebi_id": "16183"}}
    assert [type(other) for other in others] == [FileRecord, FileRecord]

    table = written(tmp_path / "b.txt", f"{TABLE}CHEMBL17564\tC\tInChI=1S/CH4/h1H4\tVNWK\nC-1\tC\tI\tV\n")
    first, other = read_file(table)
    assert isinstance(first, ChemblDump)
    assert (first.chembl_id, first.record, first.molfile) == ("CHEMBL17564", 2, None)
    assert first.columns == {
        "canonical_smiles": "C",
        "standard_inchi": "InChI=1S/CH4/h1H4",
        "standard_inchi_key": "VNWK",
    }
    assert isinstance(other, FileRecord)
    (own,) = read_file(written(tmp_path / "c.csv", "chembl_id,smiles,IC50\nCHEMBL17564,C,3\n"))
    assert isinstance(own, FileRecord)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.sdf.gz", gzip.compress(OWN.encode(), mtime=0)),
        ("a.SDF", OWN.replace("\n", "\r\n").encode()),
        ("a.sd", b"\xef\xbb\xbf" + OWN.encode()),
        ("a.mol", MOLBLOCK.encode() + b"> <CODE>\nM-1"),
        ("packed.sdf", gzip.compress(OWN.encode(), mtime=0)),
    ],
)
def test_an_sdf_reads_alike_however_it_is_stored(tmp_path: Path, name: str, content: bytes) -> None:
    """Compression, line ends, byte order mark and suffix leave no trace."""
    (record,) = read_file(written(tmp_path / name, content))
    assert isinstance(record, FileRecord)
    assert (record.source_id, record.molfile, record.fields) == ("methane", MOLBLOCK, {"CODE": "M-1"})


def test_latin1_values_are_read(tmp_path: Path) -> None:
    """An old program's bytes give the characters that were meant."""
    path = written(tmp_path / "old.sdf", OWN.replace("M-1", "Méthane").encode("latin-1"))
    (record,) = read_file(path)
    assert isinstance(record, FileRecord)
    assert record.fields == {"CODE": "Méthane"}


@pytest.mark.parametrize("name", ["a.smi", "a.smiles.gz", "a.txt", "a.csv", "a.tsv"])
def test_a_smiles_file_gives_smiles_and_names(tmp_path: Path, name: str) -> None:
    """The record is the line; there is no molfile."""
    path = written(tmp_path / name, "# mine\nCCO\tethanol\n")
    assert list(read_file(path)) == [
        FileRecord(file=str(path), record=2, source_id="ethanol", smiles="CCO", molfile=None, fields={})
    ]


def test_a_row_without_smiles_is_unreadable(tmp_path: Path) -> None:
    """Its line and the column are named."""
    path = written(tmp_path / "a.csv", "name,smiles\nethanol,\n")
    assert list(read_file(path)) == [
        Unreadable(file=str(path), record=2, reason="no value in the column 'smiles'")
    ]


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    """The message names the file, the hint the names that are known."""
    with pytest.raises(InputError, match=r"a\.pdf is neither SDF nor SMILES") as caught:
        list(read_file(written(tmp_path / "a.pdf", "x")))
    assert ".sdf" in (caught.value.hint or "")


def test_records_before_a_truncation_are_given(tmp_path: Path) -> None:
    """A truncated download gives what it holds, then says where it ends."""
    packed = gzip.compress((OWN * 5_000).encode(), compresslevel=1)
    path = written(tmp_path / "cut.sdf.gz", packed[: len(packed) // 2])
    seen: list[FileItem] = []
    with pytest.raises(InputError, match="truncated gzip file"):
        seen.extend(read_file(path))
    assert len(seen) > 0
