"""The cache of CryoProtect's importer."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryoasync.errors import InputError
from cryoasync.models import Row
from cryoasync.sources.cryoprotect.cache import ADOPTED_COMPOUNDS, NotAdopted, is_sqlite, read_cache
from tests.unit.sources.cryoprotect.builders import ASPIRIN, MARCH, written_cache


def known_values(row: Row | NotAdopted) -> dict[str, Any]:
    """The columns of a row that say something."""
    assert isinstance(row, Row)
    return {
        name: value
        for name, value in zip(ADOPTED_COMPOUNDS.columns, row.values, strict=True)
        if value is not None
    }


def test_an_answer_becomes_a_row_with_its_own_date(tmp_path: Path) -> None:
    """Under our names; what the importer did not ask for is not known."""
    path = written_cache(tmp_path / "pubchem_cache.sqlite", (2244, ASPIRIN, MARCH, "pubchem"))
    assert is_sqlite(path)
    (row,) = read_cache(path)
    assert known_values(row) == {
        "cid": 2244,
        "title": "Aspirin",
        "iupac_name": "2-acetyloxybenzoic acid",
        "molecular_formula": "C9H8O4",
        "smiles": "CC(=O)OC1=CC=CC=C1C(=O)O",
        "inchi": ASPIRIN["InChI"],
        "inchikey": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
        "molecular_weight": Decimal("180.16"),
        "xlogp": 1.2,
        "tpsa": 63.6,
        "h_bond_donor_count": 1,
        "h_bond_acceptor_count": 4,
        "fetched_at": datetime.fromtimestamp(MARCH, UTC),
        "run_id": 0,
    }


def test_the_layout_of_the_simple_client_is_read_too(tmp_path: Path) -> None:
    """Its name may be of any kind and its weight 0 for unknown: neither is taken."""
    answer = {
        "id": {"id": {"cid": 5}},
        "name": "some name",
        "synonyms": ["a", "b"],
        "molecular_formula": "H2O",
        "molecular_weight": 0.0,
        "inchi": "",
        "inchi_key": "XLYOFNOQVPJJNP-UHFFFAOYSA-N",
        "smiles": "O",
        "props": [],
    }
    (row,) = read_cache(written_cache(tmp_path / "c.sqlite", (5, answer, "2025-03-03T10:00:00", "PubChem")))
    found = known_values(row)
    assert found.pop("fetched_at") == datetime(2025, 3, 3, 10, tzinfo=UTC)
    assert found == {
        "cid": 5,
        "molecular_formula": "H2O",
        "inchikey": "XLYOFNOQVPJJNP-UHFFFAOYSA-N",
        "synonyms": ["a", "b"],
        "run_id": 0,
    }


@pytest.mark.parametrize(
    ("data", "time", "source", "said"),
    [
        (ASPIRIN, MARCH, "rdkit", "from rdkit, not from PubChem"),
        ({"CID": "1", "Error": "503 Server Error"}, MARCH, "pubchem", "an error: 503"),
        ({"CID": "1", "Title": None}, MARCH, "pubchem", "it says nothing"),
        ("{broken", MARCH, "pubchem", "cannot be read"),
        ("[]", MARCH, "pubchem", "cannot be read"),
        ({"H-Bond Donors": "many"}, MARCH, "pubchem", "cannot be read"),
        (ASPIRIN, "yesterday", "pubchem", "cannot be read"),
    ],
)
def test_what_is_no_answer_of_pubchem_is_left_out(
    tmp_path: Path, data: Any, time: Any, source: str, said: str
) -> None:
    """With the reason."""
    (left_out,) = read_cache(written_cache(tmp_path / "c.sqlite", (1, data, time, source)))
    assert isinstance(left_out, NotAdopted)
    assert said in left_out.reason


def test_another_sqlite_file_is_refused(tmp_path: Path) -> None:
    """So is a damaged one; what is no SQLite at all is told apart."""
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(InputError, match="no such table: compound_cache"):
        list(read_cache(path))
    path.write_bytes(path.read_bytes()[:100] + b"x" * 8000)
    with pytest.raises(InputError, match="cannot be read as the cache"):
        list(read_cache(path))
    path.write_text("{}")
    assert not is_sqlite(path)
