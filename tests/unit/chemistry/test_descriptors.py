"""Descriptors of real molecules, and rejections with their reasons."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from cryoasync.chemistry.descriptors import describe
from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat

ETHANOL_MOLBLOCK = """ethanol
  by hand

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.5000    0.0000    0.0000 C   0  0
    2.2500    1.3000    0.0000 O   0  0
  1  2  1  0
  2  3  1  0
M  END
"""


def smiles(text: str) -> Structure:
    return Structure(format=StructureFormat.SMILES, text=text)


def molblock(text: str) -> Structure:
    return Structure(format=StructureFormat.MOLBLOCK, text=text)


def computed(structure: Structure) -> Descriptors:
    outcome = describe(structure)
    assert isinstance(outcome, Descriptors)
    return outcome


def reason(structure: Structure) -> str:
    outcome = describe(structure)
    assert isinstance(outcome, Rejected)
    return outcome.reason


def test_aspirin_has_its_published_values() -> None:
    """Formula, keys, masses and counts of aspirin are those of the literature."""
    aspirin = computed(smiles("CC(=O)OC1=CC=CC=C1C(=O)O"))
    assert aspirin.canonical_smiles == "CC(=O)Oc1ccccc1C(=O)O"
    assert aspirin.inchi == "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)"
    assert aspirin.inchikey == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert aspirin.molecular_formula == "C9H8O4"
    assert aspirin.molecular_weight == pytest.approx(180.159, abs=0.002)
    assert aspirin.exact_mass == pytest.approx(180.04226, abs=1e-5)
    assert aspirin.tpsa == pytest.approx(63.6, abs=0.01)
    assert (aspirin.rings, aspirin.aromatic_rings, aspirin.heavy_atoms, aspirin.formal_charge) == (
        1,
        1,
        13,
        0,
    )
    assert aspirin.fraction_csp3 == pytest.approx(1 / 9)
    assert aspirin.qed == pytest.approx(0.55, abs=0.01)
    assert aspirin.rdkit_version == rdBase.rdkitVersion


@pytest.mark.parametrize("text", ["OCC(O)CO", "CS(C)=O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C(C(=O)O)N"])
def test_the_one_call_gives_what_the_single_calls_give(text: str) -> None:
    """No column holds another column's value."""
    outcome = computed(smiles(text))
    molecule = Chem.MolFromSmiles(text)
    crippen = (outcome.crippen_logp, outcome.molar_refractivity)
    assert crippen == rdMolDescriptors.CalcCrippenDescriptors(molecule)
    assert outcome.exact_mass == rdMolDescriptors.CalcExactMolWt(molecule)
    assert outcome.tpsa == rdMolDescriptors.CalcTPSA(molecule)
    assert outcome.h_bond_donors == rdMolDescriptors.CalcNumHBD(molecule)
    assert outcome.h_bond_acceptors == rdMolDescriptors.CalcNumHBA(molecule)
    assert outcome.rotatable_bonds == rdMolDescriptors.CalcNumRotatableBonds(molecule)
    assert outcome.rings == rdMolDescriptors.CalcNumRings(molecule)
    assert outcome.fraction_csp3 == rdMolDescriptors.CalcFractionCSP3(molecule)


def test_a_molblock_and_a_smiles_of_one_molecule_agree() -> None:
    """The format of the input leaves no trace in the values."""
    assert computed(molblock(ETHANOL_MOLBLOCK)) == computed(smiles("CCO"))


def test_stereo_and_isotopes_are_kept() -> None:
    """L-serine and its mirror image differ in key and SMILES; deuterium counts in the mass."""
    left, right = computed(smiles("C([C@@H](C(=O)O)N)O")), computed(smiles("C([C@H](C(=O)O)N)O"))
    assert left.inchikey == "MTCFGRXMJLQNBG-REOHCLBHSA-N"
    assert left.inchikey != right.inchikey
    assert left.canonical_smiles != right.canonical_smiles
    assert computed(smiles("[2H]C")).exact_mass == pytest.approx(17.0376, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "formula"),
    [("C[N+](C)(C)CCO", "C5H14NO+"), ("[Na+].[Cl-]", "ClNa"), ("[O-]S(=O)(=O)[O-]", "O4S-2"), ("[HH]", "H2")],
)
def test_formulas_are_written_as_pubchem_writes_them(text: str, formula: str) -> None:
    """Hill order, the charge behind the formula."""
    assert computed(smiles(text)).molecular_formula == formula


@pytest.mark.parametrize(
    "text", ["*CO", "C" * 1_100, "N->[Pt](Cl)(Cl)<-N"], ids=["wildcard", "huge", "dative"]
)
def test_what_inchi_cannot_name_keeps_its_other_values(text: str) -> None:
    """InChI and its key are absent together; the rest stands."""
    outcome = computed(smiles(text))
    assert outcome.inchi is None
    assert outcome.inchikey is None
    assert outcome.molecular_weight is not None
    assert outcome.canonical_smiles


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (smiles("CC(C)(C)(C)C"), "Explicit valence for atom # 1 C, 5, is greater than permitted"),
        (smiles("c1cccc1"), "Can't kekulize mol.  Unkekulized atoms: 0 1 2 3 4"),
        (
            smiles("CC(C)(C)(C)C.FF(F)"),
            "atom # 1 C, 5, is greater than permitted; Explicit valence for atom # 7",
        ),
        (smiles("C1CC"), "unclosed ring"),
        (smiles("xyz"), "syntax error"),
        (smiles("C\x00C"), "syntax error"),
        (smiles(""), "no atoms"),
        (molblock(""), "cannot parse the molblock"),
        (molblock(ETHANOL_MOLBLOCK.replace(" O   0", " Qq  0")), "cannot parse the molblock"),
        (molblock(ETHANOL_MOLBLOCK.replace("  2  3  1", "  2  9  1")), "cannot parse the molblock"),
        (molblock(ETHANOL_MOLBLOCK[:120]), "cannot parse the molblock"),
    ],
)
def test_a_rejection_says_why(structure: Structure, expected: str) -> None:
    """Bad syntax and each chemistry problem are named."""
    assert expected in reason(structure)


def test_a_long_rejected_smiles_makes_no_long_reason() -> None:
    """The reason is kept short, as RDKit repeats the whole input."""
    assert len(reason(smiles("C(" * 10_000))) <= 300


def test_nothing_is_written_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """RDKit's own log stays silent for rejected structures and for those that InChI warns about."""
    for structure in (smiles("xx"), smiles("c1cccc1"), molblock(""), smiles("*C"), smiles("CC(F)(Cl)Br")):
        describe(structure)
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


@given(st.text(alphabet="CNOPSFc1n23()[]=#+-.@/\\*H%&", max_size=40))
@settings(max_examples=300)
def test_any_text_ends_in_finite_values_or_a_reason(text: str) -> None:
    """Whatever is tried as SMILES, no exception, NaN or infinity comes out."""
    outcome = describe(smiles(text))
    if isinstance(outcome, Rejected):
        assert outcome.reason
    else:
        assert all(
            math.isfinite(value) for value in msgspec.structs.astuple(outcome) if isinstance(value, float)
        )
