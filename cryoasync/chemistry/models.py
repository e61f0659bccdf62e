"""The values that chemistry takes and gives; importing them does not import RDKit.

They are msgspec structures because they travel between processes.
"""

from enum import StrEnum

import msgspec


class StructureFormat(StrEnum):
    """How a structure is written down."""

    SMILES = "smiles"
    MOLBLOCK = "molblock"


class Structure(msgspec.Struct, frozen=True, kw_only=True):
    """A molecule as its source wrote it."""

    format: StructureFormat
    text: str


class Descriptors(msgspec.Struct, frozen=True, kw_only=True, tag="descriptors"):
    """What RDKit computes from one structure, in the order of the columns of ``rdkit_descriptors``.

    A value that cannot be computed is ``None`` (InChI knows neither wildcard atoms nor more than 1,023
    atoms); none is ever infinite or NaN.

    Attributes:
        molecular_weight: average mass in g/mol.
        exact_mass: monoisotopic mass in Da, with the isotopes that the structure names.
        crippen_logp: Wildman and Crippen's estimate of the octanol-water partition coefficient (log10).
        molar_refractivity: Wildman and Crippen's estimate.
        tpsa: Ertl's topological polar surface area in Å², of nitrogen and oxygen only.
        h_bond_donors: by RDKit's ``NumHBD``.
        h_bond_acceptors: by RDKit's ``NumHBA``.
        rotatable_bonds: by RDKit's strict definition, which leaves out amides and esters.
        rings: size of the smallest set of smallest rings.
        fraction_csp3: sp3 carbons among all carbons, 0 to 1.
        qed: quantitative estimate of drug-likeness, 0 to 1.
    """

    canonical_smiles: str
    inchi: str | None
    inchikey: str | None
    molecular_formula: str
    molecular_weight: float | None
    exact_mass: float | None
    crippen_logp: float | None
    molar_refractivity: float | None
    tpsa: float | None
    h_bond_donors: int
    h_bond_acceptors: int
    rotatable_bonds: int
    rings: int
    aromatic_rings: int
    fraction_csp3: float | None
    heavy_atoms: int
    formal_charge: int
    qed: float | None
    rdkit_version: str


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """A structure that RDKit cannot make a molecule of, and why."""

    reason: str
