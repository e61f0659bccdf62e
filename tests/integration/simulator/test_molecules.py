"""The whole population, as it is served."""

import pytest
from rdkit import Chem
from rdkit.Chem import rdinchi

from cryoasync.simulator.population import Molecule, load_molecules
from cryoasync.simulator.properties import PROPERTY_NAMES

DENSE = range(1, 5001)


@pytest.fixture(scope="module")
def molecules() -> list[Molecule]:
    """All molecules, from the user's cache where they are kept already."""
    return load_molecules()


def test_every_cid_up_to_5000_exists(molecules: list[Molecule]) -> None:
    """The first five thousand CIDs are dense, and the rest are real pairs of CID and SMILES."""
    cids = [molecule.cid for molecule in molecules]
    assert cids == sorted(set(cids))
    assert set(DENSE) <= set(cids)
    assert {322698, 134691776, 145742} <= set(cids)


def test_no_molecule_stands_under_two_cids(molecules: list[Molecule]) -> None:
    """InChIKeys are unique."""
    assert len({molecule.properties["InChIKey"] for molecule in molecules}) == len(molecules)


def test_hundreds_would_show_swapped_smiles_columns(molecules: list[Molecule]) -> None:
    """At least 300 of the first 5,000 have stereo or isotopes in their SMILES, some of them isotopes."""
    dense = [molecule.properties for molecule in molecules if molecule.cid in DENSE]
    assert sum(values["SMILES"] != values["ConnectivitySMILES"] for values in dense) >= 300
    assert sum(int(values["IsotopeAtomCount"]) > 0 for values in dense) >= 30
    assert sum(values["ExactMass"] != values["MonoisotopicMass"] for values in dense) >= 50


def test_gaps_are_as_frequent_as_pubchems(molecules: list[Molecule]) -> None:
    """A third lacks XLogP, an eighth a systematic name, some have no synonyms."""
    total = len(molecules)
    without_xlogp = sum("XLogP" not in molecule.properties for molecule in molecules) / total
    nameless = sum("IUPACName" not in molecule.properties for molecule in molecules) / total
    assert without_xlogp == pytest.approx(1 / 3, abs=0.03)
    assert nameless == pytest.approx(0.12, abs=0.02)
    assert 0 < sum(not molecule.synonyms for molecule in molecules) / total < 0.15


def test_rows_keep_pubchems_order_and_types(molecules: list[Molecule]) -> None:
    """Keys come in PubChem's order, masses are text, integral numbers are integers."""
    for molecule in molecules:
        values = molecule.properties
        assert list(values) == [name for name in PROPERTY_NAMES if name in values]
        assert all(isinstance(values[name], str) for name in ("MolecularWeight", "ExactMass", "Title"))
        assert all(isinstance(values[name], int) for name in ("Charge", "HeavyAtomCount"))
        xlogp = values.get("XLogP", 0)
        assert isinstance(xlogp, int) or (isinstance(xlogp, float) and not xlogp.is_integer())


def test_a_structure_survives_its_own_smiles(molecules: list[Molecule]) -> None:
    """Of every twentieth molecule the SMILES leads back to the InChIKey of its row."""
    for molecule in molecules[::20]:
        parsed = Chem.MolFromSmiles(molecule.properties["SMILES"])
        assert rdinchi.MolToInchiKey(parsed) == molecule.properties["InChIKey"]
