"""The bundled list of cryoprotectants and solvents."""

import csv
from importlib import resources

import pytest
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

with (resources.files("cryoasync.data") / "cryoprotectants.csv").open(encoding="utf-8") as stream:
    ROWS = list(csv.DictReader(stream))


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_each_structure_has_the_formula_beside_it(row: dict[str, str]) -> None:
    """The SMILES is a molecule of the formula given."""
    molecule = Chem.MolFromSmiles(row["smiles"])
    assert molecule is not None
    assert CalcMolFormula(molecule) == row["formula"]


def test_the_list_is_long_enough_and_names_each_compound_once() -> None:
    """At least sixty compounds, none of them twice by CID, name or structure."""
    assert len(ROWS) >= 60
    for column in ("cid", "name", "smiles"):
        assert len({row[column] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("cid", "name"),
    [(962, "Water"), (753, "Glycerol"), (679, "Dimethyl sulfoxide"), (7427, "Trehalose"), (702, "Ethanol")],
)
def test_the_usual_ones_have_their_cids(cid: int, name: str) -> None:
    """The compounds that every protocol uses are found under the CIDs everybody knows."""
    assert {row["cid"]: row["name"] for row in ROWS}[str(cid)] == name
