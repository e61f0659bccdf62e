"""UniChem's mapping file."""

import gzip
from pathlib import Path

import pytest

from cryoasync.errors import InputError
from cryoasync.sources.unichem import read_links

HEADER = "From src:'1'\tTo src:'22'\n"


def written(folder: Path, text: str) -> Path:
    """A packed file of the text given."""
    path = folder / "src1src22.txt.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_pairs_are_read(tmp_path: Path) -> None:
    """Several of one id, and an empty last line."""
    path = written(tmp_path, HEADER + "CHEMBL25\t2244\nCHEMBL25\t3\nCHEMBL1\t3\n\n")
    assert list(read_links(path)) == [("CHEMBL25", 2244), ("CHEMBL25", 3), ("CHEMBL1", 3)]


def test_the_other_direction_is_read_too(tmp_path: Path) -> None:
    """The first line says which column is which."""
    path = written(tmp_path, "From src:'22'\tTo src:'1'\n2244\tCHEMBL25\n")
    assert list(read_links(path)) == [("CHEMBL25", 2244)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line names no sources"),
        ("CHEMBL25\t2244\n", "first line names no sources"),
        ("From src:'1'\tTo src:'2'\nCHEMBL25\tDB01\n", "sources 1 and 2, not 1"),
        (HEADER + "CHEMBL25\t2244\nCHEMBL26\n", r"line 3: '' is empty"),
        (HEADER + "2244\tCHEMBL25\n", "line 2: '2244' is not CHEMBL and a number"),
    ],
)
def test_anything_else_is_an_error_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    """With a hint where the file is to be had."""
    with pytest.raises(InputError, match=said) as refused:
        list(read_links(written(tmp_path, text)))
    assert refused.value.hint
