"""Property values, against rows of PubChem where both use the same definition."""

import pytest
from rdkit import Chem

from cryoasync.simulator.molecules import (
    UnusableStructureError,
    assign_stereo,
    label_carbon,
    parse_structure,
    structure_properties,
)


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        (
            "CC(=O)OC1=CC=CC=C1C(=O)O",
            {
                "MolecularFormula": "C9H8O4",
                "MolecularWeight": "180.16",
                "InChIKey": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
                "ExactMass": "180.04225874",
                "TPSA": 63.6,
                "HBondDonorCount": 1,
                "HeavyAtomCount": 13,
                "CovalentUnitCount": 1,
            },
        ),
        ("CC(=O)OC(CC(=O)O)C[N+](C)(C)C", {"MolecularFormula": "C9H18NO4+", "Charge": 1}),
        ("C(Cl)(Cl)(Cl)Cl", {"ExactMass": "153.87246065", "MonoisotopicMass": "151.87541072", "TPSA": 0}),
        ("[2H]O[2H]", {"ConnectivitySMILES": "O", "IsotopeAtomCount": 2, "MolecularFormula": "H2O"}),
        ("O", {"MolecularWeight": "18.015"}),
        (
            "C(C(C(=O)O)N)O",
            {"AtomStereoCount": 1, "DefinedAtomStereoCount": 0, "UndefinedAtomStereoCount": 1},
        ),
        ("C/C=C/C", {"BondStereoCount": 1, "DefinedBondStereoCount": 1, "ConnectivitySMILES": "CC=CC"}),
    ],
    ids=["aspirin", "acetylcarnitine", "tetrachloride", "heavy water", "water", "serine", "butene"],
)
def test_values_are_pubchems(smiles: str, expected: dict[str, object]) -> None:
    """Formulas, masses, keys and counts are those of PubChem's own rows."""
    properties = structure_properties(parse_structure(smiles))
    assert {name: properties[name] for name in expected} == expected


def test_smiles_are_kekulized_as_pubchems_are() -> None:
    """Aromatic rings are written with alternating bonds."""
    assert structure_properties(parse_structure("c1ccccc1"))["SMILES"] == "C1=CC=CC=C1"


def test_assigning_stereo_settles_every_centre_and_bond() -> None:
    """The isomer is another molecule, with nothing left undefined."""
    open_form = parse_structure("CC(O)C=CC(Cl)F")
    before, after = structure_properties(open_form), structure_properties(assign_stereo(open_form))
    assert (before["UndefinedAtomStereoCount"], before["UndefinedBondStereoCount"]) == (2, 1)
    assert (after["UndefinedAtomStereoCount"], after["UndefinedBondStereoCount"]) == (0, 0)
    assert after["SMILES"] != after["ConnectivitySMILES"]
    assert after["InChIKey"] != before["InChIKey"]


def test_a_bond_whose_hydrogen_is_not_written_stays_open() -> None:
    """An imine with an implicit hydrogen is left as it is."""
    imine = assign_stereo(parse_structure("CC(=N)CC"))
    assert Chem.MolToSmiles(imine) == Chem.MolToSmiles(parse_structure("CC(=N)CC"))


def test_a_label_changes_the_mass_and_not_the_connectivity() -> None:
    """Carbon-13 is one isotope atom, heavier, with the same plain SMILES."""
    plain = structure_properties(parse_structure("CCO"))
    labelled = structure_properties(label_carbon(parse_structure("CCO")))
    assert labelled["IsotopeAtomCount"] == 1
    assert labelled["ConnectivitySMILES"] == plain["ConnectivitySMILES"]
    assert float(labelled["ExactMass"]) - float(plain["ExactMass"]) == pytest.approx(1.00335, abs=1e-4)


def test_what_is_no_structure_is_refused() -> None:
    """SMILES that RDKit rejects raise an error of their own."""
    with pytest.raises(UnusableStructureError):
        parse_structure("C(C")
