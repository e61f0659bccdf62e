"""Which values CryoProtect's property types get, and from whom.

A type of one name has one definition: sources stand in for each other only where they define it in the same way.
The names of the first five are that application's own.
"""

from dataclasses import dataclass
from enum import StrEnum


class ValueKind(StrEnum):
    """The column that a value stands in."""

    NUMERIC = "numeric"
    TEXT = "text"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyType:
    """A row of ``property_types``, and the property of ``molecular_properties`` that it takes.

    ``sources`` are in the order in which they are asked: the first that has a value gives it. Text that stands
    for a boolean is ``Y`` or ``N``.
    """

    name: str
    description: str
    property: str
    sources: tuple[str, ...]
    units: str | None = None
    kind: ValueKind = ValueKind.NUMERIC


_ANY = ("pubchem", "chembl", "rdkit")
_PUBCHEM = ("pubchem",)
_BY_RDKIT = ("chembl", "rdkit")
_CHEMBL = ("chembl",)
_RDKIT = ("rdkit",)


def _type(
    name: str, property_: str, sources: tuple[str, ...], description: str, units: str | None = None
) -> PropertyType:
    return PropertyType(name=name, description=description, property=property_, sources=sources, units=units)


def _text(name: str, property_: str, sources: tuple[str, ...], description: str) -> PropertyType:
    return PropertyType(
        name=name, description=description, property=property_, sources=sources, kind=ValueKind.TEXT
    )


PROPERTY_TYPES = (
    _type("Molecular Weight", "molecular_weight", _ANY, "Average molecular weight", "g/mol"),
    _type("LogP", "xlogp3", _PUBCHEM, "Octanol-water partition coefficient: XLogP3, from PubChem"),
    _type("TPSA", "tpsa", _PUBCHEM, "Topological polar surface area, sulfur and phosphorus counted", "Å²"),
    _type("H-Bond Donors", "h_bond_donor_count", _PUBCHEM, "Hydrogen-bond donors by Cactvs"),
    _type("H-Bond Acceptors", "h_bond_acceptor_count", _PUBCHEM, "Hydrogen-bond acceptors by Cactvs"),
    _type("Exact Mass", "exact_mass", _PUBCHEM, "Mass of the most intense isotopic composition", "Da"),
    _type("Monoisotopic Mass", "monoisotopic_mass", _ANY, "Mass of the most common isotopes", "Da"),
    _type("Complexity", "complexity", _PUBCHEM, "Bertz, Hendrickson and Ihlenfeldt's complexity"),
    _type("Charge", "charge", ("pubchem", "rdkit"), "Formal charge", "e"),
    _type("Rotatable Bonds", "rotatable_bond_count", _PUBCHEM, "Rotatable bonds by Cactvs"),
    _type("Heavy Atoms", "heavy_atom_count", _ANY, "Atoms but hydrogen"),
    _type("Covalent Units", "covalent_unit_count", _PUBCHEM, "Separate parts of the compound"),
    _type("Isotope Atoms", "isotope_atom_count", _PUBCHEM, "Atoms with an isotope given"),
    _type(
        "Defined Stereocenters", "defined_atom_stereo_count", _PUBCHEM, "Atoms with a defined configuration"
    ),
    _type("Undefined Stereocenters", "undefined_atom_stereo_count", _PUBCHEM, "Atoms without one"),
    _type("ALogP", "alogp", _CHEMBL, "Octanol-water partition coefficient: ALogP, from ChEMBL"),
    _type(
        "Crippen LogP", "crippen_logp", _RDKIT, "Octanol-water partition coefficient by Wildman and Crippen"
    ),
    _type("Molar Refractivity", "molar_refractivity", _RDKIT, "By Wildman and Crippen", "cm³/mol"),
    _type("TPSA (N and O)", "tpsa", _BY_RDKIT, "Topological polar surface area of nitrogen and oxygen", "Å²"),
    _type("H-Bond Donors (RDKit)", "h_bond_donor_count", _BY_RDKIT, "Hydrogen-bond donors by RDKit"),
    _type("H-Bond Acceptors (RDKit)", "h_bond_acceptor_count", _BY_RDKIT, "Hydrogen-bond acceptors by RDKit"),
    _type("Rotatable Bonds (RDKit)", "rotatable_bond_count", _BY_RDKIT, "Rotatable bonds by RDKit"),
    _type("Aromatic Rings", "aromatic_ring_count", _BY_RDKIT, "Aromatic rings by RDKit"),
    _type("Fraction Csp3", "fraction_csp3", _RDKIT, "Share of sp3 among the carbons"),
    _type("QED", "qed", _BY_RDKIT, "Weighted quantitative estimate of drug-likeness"),
    _type("NP Likeness", "np_likeness_score", _CHEMBL, "Likeness to natural products"),
    _type("Rule of Five Violations", "ro5_violation_count", _CHEMBL, "Violations of the rule of five"),
    _type("Max Phase", "max_phase", _CHEMBL, "Highest clinical phase: 4 is approved, -1 unknown"),
    PropertyType(
        name="Rule of Three",
        description="Whether the rule of three is kept",
        property="ro3_pass",
        sources=_CHEMBL,
        kind=ValueKind.BOOLEAN,
    ),
    _text("IUPAC Name", "iupac_name", _PUBCHEM, "The name that PubChem computed"),
    _text("InChI", "inchi", _ANY, "Standard InChI"),
    _text("InChIKey", "inchikey", _ANY, "Standard InChIKey"),
)
