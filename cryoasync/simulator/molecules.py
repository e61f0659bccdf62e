"""What can be said of a structure: the property values of PubChem's table, computed with RDKit.

Where PubChem uses a method of its own (XLogP3, Cactvs complexity), the value is RDKit's nearest relative:
the simulator has to send plausible values of the right type, and to send the same ones each time.
"""

import re

from rdkit import Chem
from rdkit.Chem import rdinchi, rdMolDescriptors

from cryoasync.simulator.properties import PropertyValue

# Natural shares of the heavier isotope, and what it adds to the mass: the two elements for which the most
# likely isotopologue of a molecule is often not the one of lightest isotopes.
_HEAVIER_ISOTOPES = {"Cl": (0.2424, 1.99704993), "Br": (0.4931, 1.9979534)}
_NARROW_BELOW = ((20.0, 3), (400.0, 2), (1000.0, 1))
_COARSE_COMPLEXITY_FROM = 100
# Brings a connectivity index to the size of Cactvs's figures.
_COMPLEXITY_SCALE = 35.0


class UnusableStructureError(ValueError):
    """The structure has no InChI, or cannot be read."""


def parse_structure(smiles: str) -> Chem.Mol:
    """Return the molecule that ``smiles`` writes.

    Raises:
        UnusableStructureError: RDKit rejects it.
    """
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise UnusableStructureError(smiles)
    return molecule


def label_carbon(molecule: Chem.Mol) -> Chem.Mol:
    """Return the molecule with carbon-13 in the place of its first carbon."""
    labelled = Chem.Mol(molecule)
    for atom in labelled.GetAtoms():
        if atom.GetSymbol() == "C":
            atom.SetIsotope(13)
            break
    return parse_structure(Chem.MolToSmiles(labelled))


def assign_stereo(molecule: Chem.Mol) -> Chem.Mol:
    """Return one stereoisomer of the molecule: each open centre and double bond is given a configuration."""
    isomer = Chem.Mol(molecule)
    for element in Chem.FindPotentialStereo(isomer):
        if element.specified == Chem.StereoSpecified.Specified:
            continue
        if element.type == Chem.StereoType.Atom_Tetrahedral:
            isomer.GetAtomWithIdx(element.centeredOn).SetChiralTag(Chem.ChiralType.CHI_TETRAHEDRAL_CW)
        elif element.type == Chem.StereoType.Bond_Double:
            # A hydrogen that is not written out has an index beyond the last atom.
            first, second = (min(element.controllingAtoms[half]) for half in (slice(2), slice(2, 4)))
            if max(first, second) < isomer.GetNumAtoms():
                bond = isomer.GetBondWithIdx(element.centeredOn)
                bond.SetStereoAtoms(first, second)
                bond.SetStereo(Chem.BondStereo.STEREOTRANS)
    return parse_structure(Chem.MolToSmiles(isomer))


def structure_properties(molecule: Chem.Mol) -> dict[str, PropertyValue]:
    """Return the values that follow from the structure alone, by PubChem's property names.

    Raises:
        UnusableStructureError: The molecule has no InChI.
    """
    formula = rdMolDescriptors.CalcMolFormula(molecule)
    weight = rdMolDescriptors._CalcMolWt(molecule)  # noqa: SLF001 - what Descriptors.MolWt is, typed
    return {
        "MolecularFormula": formula,
        "MolecularWeight": _weight_text(weight),
        **_identifiers(molecule),
        **_masses(molecule, formula),
        "XLogP": narrow(rdMolDescriptors.CalcCrippenDescriptors(molecule)[0], 1),
        "TPSA": narrow(rdMolDescriptors.CalcTPSA(molecule), 1),
        "Complexity": _complexity(molecule),
        "Charge": Chem.GetFormalCharge(molecule),
        "HBondDonorCount": rdMolDescriptors.CalcNumHBD(molecule),
        "HBondAcceptorCount": rdMolDescriptors.CalcNumHBA(molecule),
        "RotatableBondCount": rdMolDescriptors.CalcNumRotatableBonds(molecule),
        "HeavyAtomCount": molecule.GetNumHeavyAtoms(),
        "IsotopeAtomCount": sum(1 for atom in molecule.GetAtoms() if atom.GetIsotope()),
        **_stereo_counts(molecule),
        "CovalentUnitCount": len(Chem.GetMolFrags(molecule)),
    }


def narrow(value: float, digits: int) -> int | float:
    """Round to ``digits`` decimals, as an integer where nothing is left behind the point."""
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _weight_text(weight: float) -> str:
    digits = next((digits for bound, digits in _NARROW_BELOW if weight < bound), 0)
    return f"{weight:.{digits}f}"


def _identifiers(molecule: Chem.Mol) -> dict[str, PropertyValue]:
    inchi, *_ = rdinchi.MolToInchi(molecule)
    if not inchi:
        raise UnusableStructureError(Chem.MolToSmiles(molecule))
    kekulized = Chem.Mol(molecule)
    Chem.Kekulize(kekulized, clearAromaticFlags=True)
    connectivity = Chem.MolToSmiles(kekulized, isomericSmiles=False)
    if "[H]" in connectivity:
        # Deuterium that lost its label is an ordinary hydrogen, which PubChem does not write.
        plain = parse_structure(connectivity)
        Chem.Kekulize(plain, clearAromaticFlags=True)
        connectivity = Chem.MolToSmiles(plain)
    return {
        "SMILES": Chem.MolToSmiles(kekulized),
        "ConnectivitySMILES": connectivity,
        "InChI": inchi,
        "InChIKey": rdinchi.InchiToInchiKey(inchi),
    }


def _masses(molecule: Chem.Mol, formula: str) -> dict[str, PropertyValue]:
    monoisotopic = rdMolDescriptors.CalcExactMolWt(molecule)
    exact = monoisotopic
    for symbol, (share, difference) in _HEAVIER_ISOTOPES.items():
        match = re.search(rf"{symbol}(\d*)", formula)
        count = int(match[1] or 1) if match else 0
        # The mode of a binomial distribution.
        exact += int((count + 1) * share) * difference
    return {"ExactMass": f"{exact:.8f}", "MonoisotopicMass": f"{monoisotopic:.8f}"}


def _complexity(molecule: Chem.Mol) -> int | float:
    complexity = _COMPLEXITY_SCALE * rdMolDescriptors.CalcChi1n(molecule)
    return narrow(complexity, 0 if complexity >= _COARSE_COMPLEXITY_FROM else 1)


def _stereo_counts(molecule: Chem.Mol) -> dict[str, PropertyValue]:
    counts: dict[str, PropertyValue] = {}
    elements = list(Chem.FindPotentialStereo(molecule))
    for word, kind in (("Atom", Chem.StereoType.Atom_Tetrahedral), ("Bond", Chem.StereoType.Bond_Double)):
        found = [element for element in elements if element.type == kind]
        defined = sum(1 for element in found if element.specified == Chem.StereoSpecified.Specified)
        counts[f"{word}StereoCount"] = len(found)
        counts[f"Defined{word}StereoCount"] = defined
        counts[f"Undefined{word}StereoCount"] = len(found) - defined
    return counts
