"""Descriptors of a molecule, by RDKit.

Importing this module imports RDKit, which is slow and large: the service computes in worker processes.
"""

import math
import re

from rdkit import Chem, rdBase
from rdkit.Chem import QED, rdinchi, rdMolDescriptors

from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat

_LONGEST_REASON = 300
# One C++ call computes them together, three times as fast as calling for each.
_PROPERTIES = rdMolDescriptors.Properties(
    [
        "amw",
        "exactmw",
        "CrippenClogP",
        "CrippenMR",
        "tpsa",
        "NumHBD",
        "NumHBA",
        "NumRotatableBonds",
        "NumRings",
        "NumAromaticRings",
        "FractionCSP3",
        "NumHeavyAtoms",
    ]
)
_LOG_TIME = re.compile(r"^\[[\d:]+\]\s*")


def describe(structure: Structure) -> Descriptors | Rejected:
    """Compute the descriptors of a structure.

    Says nothing on standard error, whatever RDKit thinks of the structure.

    >>> from cryoasync.chemistry.models import StructureFormat
    >>> dmso = describe(Structure(format=StructureFormat.SMILES, text="CS(C)=O"))
    >>> dmso.molecular_formula, dmso.inchikey, dmso.heavy_atoms
    ('C2H6OS', 'IAZDPXIOMUYVGZ-UHFFFAOYSA-N', 4)

    A charge stands in the formula as PubChem writes it (here choline):

    >>> choline = describe(Structure(format=StructureFormat.SMILES, text="C[N+](C)(C)CCO"))
    >>> choline.molecular_formula, choline.formal_charge
    ('C5H14NO+', 1)

    Isotopes count in the exact mass (heavy water):

    >>> round(describe(Structure(format=StructureFormat.SMILES, text="[2H]O[2H]")).exact_mass, 4)
    20.0231

    What is no molecule is told apart from what is no SMILES:

    >>> describe(Structure(format=StructureFormat.SMILES, text="CC(C)(C)(C)C")).reason
    'Explicit valence for atom # 1 C, 5, is greater than permitted'
    >>> describe(Structure(format=StructureFormat.SMILES, text="c1ccccc")).reason
    "SMILES Parse Error: unclosed ring for input: 'c1ccccc'"
    """
    with rdBase.BlockLogs():
        try:
            molecule = _parse(structure, sanitize=True)
            if molecule is None:
                return Rejected(reason=_rejection_reason(structure))
            if molecule.GetNumAtoms() == 0:
                return Rejected(reason="the structure has no atoms")
            return _descriptors(molecule)
        except (ValueError, RuntimeError) as error:
            return Rejected(reason=f"RDKit failed: {_first_line(str(error))}")


def _parse(structure: Structure, *, sanitize: bool) -> Chem.Mol | None:
    match structure.format:
        case StructureFormat.SMILES:
            return Chem.MolFromSmiles(structure.text, sanitize=sanitize)
        case StructureFormat.MOLBLOCK:
            return Chem.MolFromMolBlock(structure.text, sanitize=sanitize)


def _rejection_reason(structure: Structure) -> str:
    """Say why a structure did not parse: its syntax, or the chemistry problems found without sanitization."""
    with rdBase.CaptureErrorLog() as log:
        molecule = _parse(structure, sanitize=False)
    if molecule is not None:
        problems = Chem.DetectChemistryProblems(molecule)
        return "; ".join(_first_line(problem.Message()) for problem in problems) or "sanitization failed"
    if structure.format is StructureFormat.MOLBLOCK:
        return "RDKit cannot parse the molblock"  # what it logs is a dump of its own stack
    return _first_line(log.messages) if log.messages else "RDKit cannot parse the SMILES"


def _first_line(message: str) -> str:
    lines = message.strip().splitlines() or ["no reason given"]
    return _LOG_TIME.sub("", lines[0]).strip()[:_LONGEST_REASON]


def _descriptors(molecule: Chem.Mol) -> Descriptors:
    computed = dict(zip(_PROPERTIES.GetPropertyNames(), _PROPERTIES.ComputeProperties(molecule), strict=True))
    inchi = rdinchi.MolToInchi(molecule)[0] or None
    return Descriptors(
        canonical_smiles=Chem.MolToSmiles(molecule),
        inchi=inchi,
        inchikey=rdinchi.InchiToInchiKey(inchi) if inchi else None,
        molecular_formula=rdMolDescriptors.CalcMolFormula(molecule),
        molecular_weight=_finite(computed["amw"]),
        exact_mass=_finite(computed["exactmw"]),
        crippen_logp=_finite(computed["CrippenClogP"]),
        molar_refractivity=_finite(computed["CrippenMR"]),
        tpsa=_finite(computed["tpsa"]),
        h_bond_donors=int(computed["NumHBD"]),
        h_bond_acceptors=int(computed["NumHBA"]),
        rotatable_bonds=int(computed["NumRotatableBonds"]),
        rings=int(computed["NumRings"]),
        aromatic_rings=int(computed["NumAromaticRings"]),
        fraction_csp3=_finite(computed["FractionCSP3"]),
        heavy_atoms=int(computed["NumHeavyAtoms"]),
        formal_charge=Chem.GetFormalCharge(molecule),
        qed=_qed(molecule),
        rdkit_version=rdBase.rdkitVersion,
    )


def _qed(molecule: Chem.Mol) -> float | None:
    try:
        return _finite(QED.qed(molecule))  # type: ignore[no-untyped-call]
    except (ValueError, ArithmeticError, RuntimeError):
        # It takes logarithms of fitted curves, and removes hydrogens, which not every molecule survives.
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
